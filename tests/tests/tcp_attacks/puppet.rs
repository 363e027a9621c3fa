//! A client that does what no kernel does.

use std::{io::Write, net::TcpListener, thread};

use lab::{
    bad_network::Conditions,
    soak::{
        puppet::Puppet,
        tcp::{ACK, MSS, RST, SACK_PERMITTED, Segment, option, sack},
    },
};

use super::bed::{NEAR, server, with};
use crate::watched::{EVIL, EVIL_MAC, SILENCE, SOON};

/// The smallest segments that Linux sends by itself, whatever is asked for (CVE-2019-11479).
const SMALLEST: u16 = 48;

/// Segments of 48 bytes, holes acknowledged around them, and acknowledgments of what was never sent (CVE-2019-11477 to
/// 11479, optimistic acknowledgments): Linux goes on as if nothing were.
pub(crate) fn small_segments_and_what_was_never_sent() {
    with(Conditions::PERFECT, |bad| {
        let to = server(bad);
        let listener = TcpListener::bind(to.1).expect("the port is free");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            let _ = stream.write_all(&[7; 100_000]);
        });
        bad.near(|| {
            let mut puppet = Puppet::open(NEAR, EVIL_MAC, EVIL).expect("it may");
            let options =
                [option(MSS, &SMALLEST.to_be_bytes()), option(SACK_PERMITTED, &[])].concat();
            let mut talk = puppet.connect(to, 40_000, options).expect("it is answered");
            assert_eq!(talk.answer.option(SACK_PERMITTED), Some(&[][..]));
            let mut came = 0;
            while came < 20_000 {
                let (segment, payload) =
                    puppet.receive(SOON).expect("the interface stays").expect("it sends");
                assert!(payload.len() <= SMALLEST.into(), "{} bytes", payload.len());
                if segment.sequence != talk.expected || payload.is_empty() {
                    continue;
                }
                came += payload.len();
                talk.expected = segment.end(payload.len());
                // Every tenth says that something far behind it has come too, which Linux never sent.
                let far = talk.expected.wrapping_add(1 << 20);
                let options = match came / 48 % 10 {
                    0 => sack(&[(far, far.wrapping_add(48))]),
                    _ => Vec::new(),
                };
                let acknowledgment = Segment { options, ..talk.segment(ACK) };
                puppet.send(&talk.flow, &acknowledgment, &[]).expect("it is sent");
            }
            // An acknowledgment of a megabyte that was never sent moves nothing.
            let optimistic = Segment {
                acknowledgment: talk.expected.wrapping_add(1 << 20),
                ..talk.segment(ACK)
            };
            puppet.send(&talk.flow, &optimistic, &[]).expect("it is sent");
            let mut next = puppet.receive(SOON).expect("the interface stays");
            while let Some((segment, _)) = next {
                let ahead = segment.sequence.wrapping_sub(talk.expected);
                assert!(ahead < 1 << 19, "it goes on {ahead} bytes ahead");
                next = puppet.receive(SILENCE).expect("the interface stays");
                if ahead == 0 {
                    break;
                }
            }
            puppet.send(&talk.flow, &talk.segment(RST), &[]).expect("it is sent");
        })
        .expect("the namespace is there");
    });
}
