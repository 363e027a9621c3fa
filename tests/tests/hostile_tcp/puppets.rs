//! Clients whose TCP does what no kernel does.

use std::{
    thread,
    time::{Duration, Instant},
};

use lab::soak::{
    puppet::{Puppet, Talk},
    tcp::{ACK, FIN, MSS, PSH, RST, SACK_PERMITTED, Segment, WINDOW_SCALE, option, sack},
};
use testkit::Random;

use super::bed::{Victim, ask_web, interface, with_web};
use crate::watched::{EVIL, EVIL_MAC, SILENCE, SOON};

/// The window that puppets say that they have, in bytes: 65,535 times 128.
const SCALE: u8 = 7;
/// The least data in a segment: an MSS of 48 without the option of timestamps, which is not used.
const SMALLEST: u16 = 48;
/// The checksums are right when the puppet sees them, and not left to the interface.
const PLAIN: &[&str] = &["--offloads=off"];
/// What is asked for: more than is ever read.
const MUCH: &[u8] = b"GET /bytes/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n";

/// A puppet with a connection, which has asked for something.
fn ask(victim: &Victim<'_>, port: u16, mss: u16, request: &[u8]) -> (Puppet, Talk) {
    let mut puppet = Puppet::open(&interface(), EVIL_MAC, EVIL).expect("it may");
    let talk = begin(&mut puppet, victim, port, mss, request);
    (puppet, talk)
}

fn begin(puppet: &mut Puppet, victim: &Victim<'_>, port: u16, mss: u16, request: &[u8]) -> Talk {
    let options = [
        option(MSS, &mss.to_be_bytes()),
        option(SACK_PERMITTED, &[]),
        vec![1],
        option(WINDOW_SCALE, &[SCALE]),
    ];
    let mut talk = puppet.connect(victim.place(), port, options.concat()).expect("it is answered");
    puppet.send(&talk.flow, &talk.segment(ACK | PSH), request).expect("it is sent");
    talk.next = talk.next.wrapping_add(request.len() as u32);
    talk
}

/// Takes what has come until nothing comes for a moment; returns the number behind the last byte, and how many segments
/// with data these were.
fn drain(puppet: &mut Puppet, talk: &Talk, longest: usize) -> (u32, usize) {
    let (mut end, mut count) = (talk.expected, 0);
    while let Some((segment, payload)) = puppet.receive(SILENCE).expect("the interface stays") {
        assert!(payload.len() <= longest, "{} bytes in a segment", payload.len());
        let last = segment.end(payload.len());
        if (last.wrapping_sub(end) as i32) > 0 {
            end = last;
        }
        count += usize::from(!payload.is_empty());
    }
    (end, count)
}

/// CVE-2019-11477 to 11479: segments of a few bytes, of which thousands are under way, and acknowledgments with holes in
/// between. What they cost is looked at: memory, and the time for each acknowledgment.
pub(crate) fn small_segments_with_holes_cost_little(cores: usize) {
    with_web(cores, PLAIN, |victim| {
        ask_web(victim.place().1);
        let before = victim.free();
        let (mut puppet, mut talk) = ask(victim, 41_000, SMALLEST, MUCH);
        // The window of congestion grows as long as each segment is acknowledged.
        let longest = usize::from(SMALLEST);
        let mut acknowledged = 0;
        while acknowledged < 3000 {
            let (segment, payload) = puppet.receive(SOON).expect("it stays").expect("it is sent");
            if segment.sequence == talk.expected && !payload.is_empty() {
                talk.expected = segment.end(payload.len());
                puppet.send(&talk.flow, &talk.segment(ACK), &[]).expect("it is sent");
                acknowledged += 1;
            }
        }
        let (end, segments) = drain(&mut puppet, &talk, longest);
        let under_way = end.wrapping_sub(talk.expected);
        assert!(segments > 100, "{segments} segments are under way");
        // Now every acknowledgment says that three other small pieces have come, anywhere among them.
        let (mut random, computed, held) = (Random::new(1), victim.computed(), victim.free());
        const ACKNOWLEDGMENTS: u32 = 20_000;
        let acknowledgments: Vec<_> = (0..ACKNOWLEDGMENTS)
            .map(|_| {
                let mut block = || {
                    let at = random.below(under_way as usize - 100) as u32 + 48;
                    let left = talk.expected.wrapping_add(at);
                    (left, left.wrapping_add(1 + random.below(90) as u32))
                };
                let options = sack(&[block(), block(), block()]);
                talk.flow.frame(&Segment { options, ..talk.segment(ACK) }, &[])
            })
            .collect();
        let start = Instant::now();
        victim.site.send(&acknowledgments).expect("the interface stays");
        let (wall, took) = (start.elapsed(), victim.computed().saturating_sub(computed));
        let (memory, pages) = (held.saturating_sub(victim.free()), before - victim.free());
        println!(
            "{segments} segments of {SMALLEST} bytes under way, {ACKNOWLEDGMENTS} acknowledgments with holes: {took:.2?} \
             of {wall:.2?} computed, {pages} pages held, {memory} of them for the holes"
        );
        let each = took / ACKNOWLEDGMENTS;
        assert!(each < Duration::from_micros(100), "{each:?} for each acknowledgment");
        // An eighth of the half of the pool for what is sent, and as much again for tables (README of tcp).
        assert!(pages <= victim.pages() / 8, "{pages} pages of {}", victim.pages());
        assert!(ask_web(victim.place().1) < SOON);
        puppet.send(&talk.flow, &talk.segment(RST), &[]).expect("it is sent");
        victim.assert_free(before, SOON);
    });
}

/// Optimistic acknowledgments (RFC 9293 3.10.7.4: of what was not sent yet): they are answered, and nothing is sent
/// faster or left out.
pub(crate) fn what_was_never_sent_is_not_acknowledged(cores: usize) {
    with_web(cores, PLAIN, |victim| {
        let (mut puppet, mut talk) = ask(victim, 41_001, 1460, MUCH);
        let (end, _) = drain(&mut puppet, &talk, 1460);
        let first_window = end.wrapping_sub(talk.expected);
        // Ten segments; a probe, and two behind a timeout, where nothing is acknowledged (RFC 6928, RFC 8985 7, RFC 5682).
        assert!((1..=13 * 1460).contains(&first_window), "{first_window} bytes");
        for ahead in [1, 1460, 1 << 16, 1 << 24] {
            let acknowledgment = end.wrapping_add(ahead);
            let optimistic = Segment { acknowledgment, ..talk.segment(ACK) };
            for _ in 0..50 {
                puppet.send(&talk.flow, &optimistic, &[]).expect("it is sent");
            }
            let (now, _) = drain(&mut puppet, &talk, 1460);
            // Only what was sent before comes again.
            let more = now.wrapping_sub(end) as i32;
            assert!(more <= 0, "acknowledged before it was sent, {more} bytes more make room");
        }
        // What is acknowledged as it should be goes on.
        talk.expected = end;
        puppet.send(&talk.flow, &talk.segment(ACK), &[]).expect("it is sent");
        let (more, _) = drain(&mut puppet, &talk, 1460);
        assert!((more.wrapping_sub(end) as i32) > 0, "it does not go on");
        puppet.send(&talk.flow, &talk.segment(RST), &[]).expect("it is sent");
    });
}

/// RFC 3465: a segment that is acknowledged byte by byte opens the window by one segment, and not by 1,460.
pub(crate) fn pieces_of_an_acknowledgment_count_once(cores: usize) {
    with_web(cores, PLAIN, |victim| {
        let (mut puppet, mut talk) = ask(victim, 41_002, 1460, MUCH);
        let mut end = talk.expected;
        while end.wrapping_sub(talk.expected) < 10 * 1460 {
            let (segment, payload) = puppet.receive(SOON).expect("it stays").expect("it is sent");
            if segment.sequence == end {
                end = segment.end(payload.len());
            }
        }
        for _ in 0..1460 {
            talk.expected = talk.expected.wrapping_add(1);
            puppet.send(&talk.flow, &talk.segment(ACK), &[]).expect("it is sent");
        }
        let (now, _) = drain(&mut puppet, &talk, 1460);
        // Less, if nothing came.
        let more = (now.wrapping_sub(end) as i32).max(0);
        println!("1,460 acknowledgments of a byte each: {more} bytes more under way");
        // One for the segment that has arrived, one for what the window has grown by, what is left of another; and probes, and what
        // follows timeouts, of which a slow machine has some. Who counts acknowledgments has a hundred times as much.
        assert!(more <= 15 * 1460, "{more} bytes more are under way");
        puppet.send(&talk.flow, &talk.segment(RST), &[]).expect("it is sent");
    });
}

/// Clients that acknowledge the end of the connection, and never end it themselves: the service's part of it is over after
/// two seconds (README of http), and what is left is the state of the connection, for a minute (FIN-WAIT-2).
pub(crate) fn who_never_ends_holds_little(cores: usize) {
    const CLIENTS: u16 = 400;
    with_web(cores, PLAIN, |victim| {
        ask_web(victim.place().1);
        let before = victim.free();
        let mut puppet = Puppet::open(&interface(), EVIL_MAC, EVIL).expect("it may");
        let (hello, _) = super::bed::hello();
        for port in 42_000..42_000 + CLIENTS {
            let mut talk = begin(&mut puppet, victim, port, 1460, hello);
            let mut is_over = false;
            while !is_over {
                let (segment, payload) =
                    puppet.receive(SOON).expect("the interface stays").expect("it ends");
                talk.expected = segment.end(payload.len());
                is_over = segment.flags & FIN != 0;
            }
            puppet.send(&talk.flow, &talk.segment(ACK), &[]).expect("it is sent");
        }
        let begun = before - victim.free();
        thread::sleep(Duration::from_secs(4));
        let held = before - victim.free();
        println!(
            "{CLIENTS} connections that the client does not end hold {begun} pages, and then {held}"
        );
        // About half a kilobyte each (README of tcp).
        assert!(held <= u64::from(CLIENTS) / 4, "{held} pages for {CLIENTS} connections");
        assert!(ask_web(victim.place().1) < SOON);
    });
}
