//! Forged words of routers: that a packet was too big (RFC 1191, RFC 5927 7).

use lab::soak::{
    attacks,
    puppet::{Puppet, Talk},
    tcp::{ACK, MSS, PSH, RST, Segment, option},
};
use testkit::Random;

use super::bed::{Victim, interface, with_echo};
use crate::watched::{EVIL, EVIL_MAC, SOON};

/// The largest segments on a link with an MTU of 1500, in bytes.
const LARGEST: usize = 1460;
/// How much is said: more than a segment holds.
const LENGTH: usize = 4 * LARGEST;

/// A puppet of the host's own address would be answered by Linux, so it is one of the attacker's.
fn open(victim: &Victim<'_>) -> (Puppet, Talk) {
    let mut puppet = Puppet::open(&interface(), EVIL_MAC, EVIL).expect("it may");
    let options = option(MSS, &(LARGEST as u16).to_be_bytes());
    let talk = puppet.connect(victim.place(), 40_000, options).expect("it is answered");
    (puppet, talk)
}

/// Says something, and looks at the segments in which it is said again; returns the length of the longest.
fn longest(puppet: &mut Puppet, talk: &mut Talk) -> usize {
    for _ in 0..LENGTH / LARGEST {
        say(puppet, talk);
    }
    let (mut longest, end) = (0, talk.expected.wrapping_add(LENGTH as u32));
    while talk.expected != end {
        let (segment, payload) = puppet.receive(SOON).expect("it stays").expect("it is sent");
        if segment.sequence == talk.expected && !payload.is_empty() {
            talk.expected = segment.end(payload.len());
            longest = longest.max(payload.len());
            puppet.send(&talk.flow, &talk.segment(ACK), &[]).expect("it is sent");
        }
    }
    longest
}

/// Says as much as a segment holds.
fn say(puppet: &Puppet, talk: &mut Talk) {
    let segment = talk.segment(ACK | PSH);
    puppet.send(&talk.flow, &segment, &[7; LARGEST]).expect("it is sent");
    talk.next = talk.next.wrapping_add(LARGEST as u32);
}

pub(crate) fn a_forged_word_about_tcp_changes_nothing(cores: usize) {
    with_echo(cores, |victim| {
        let (mut puppet, mut talk) = open(victim);
        assert_eq!(longest(&mut puppet, &mut talk), LARGEST);
        // The last acknowledgment and an error may come to two cores, where neither waits for the other.
        victim.site.wait().expect("it answers");
        // Of what is acknowledged, of what was not sent yet, and of anything.
        let (first, length) = (talk.expected, LENGTH as u32);
        for wrong in [first.wrapping_sub(1), first.wrapping_add(length), first ^ 1 << 31] {
            let forged = talk.flow.fragmentation_needed(EVIL, wrong, 700);
            puppet.wire().send(&forged).expect("it is sent");
        }
        victim.site.wait().expect("it answers");
        // Each core that hears of an error counts it.
        let unconfirmed = victim.counter("tcp.icmp_errors_unconfirmed");
        assert!((3..=3 * cores as u64).contains(&unconfirmed), "{unconfirmed}");
        assert_eq!(longest(&mut puppet, &mut talk), LARGEST);
        // Who knows what is on its way is believed, and that is sent again in smaller segments.
        say(&puppet, &mut talk);
        while puppet.receive(SOON).expect("it stays").expect("it is sent").1.is_empty() {}
        let known = talk.flow.fragmentation_needed(EVIL, talk.expected, 700);
        puppet.wire().send(&known).expect("it is sent");
        let again = loop {
            let (segment, payload) = puppet.receive(SOON).expect("it stays").expect("it is sent");
            if segment.sequence == talk.expected && (1..LARGEST).contains(&payload.len()) {
                break payload.len();
            }
        };
        assert!(again <= 660, "{again} bytes on a path of 700");
        let reset = Segment { flags: RST, ..talk.segment(RST) };
        puppet.send(&talk.flow, &reset, &[]).expect("it is sent");
    });
}

/// A datagram of the port of echo to the attacker's address is what anybody can say that it was sent. UDP believes it, and
/// TCP on the same path does not.
pub(crate) fn a_forged_word_about_udp_changes_nothing_of_tcp(cores: usize) {
    with_echo(cores, |victim| {
        let (mut puppet, mut talk) = open(victim);
        assert_eq!(longest(&mut puppet, &mut talk), LARGEST);
        let forged = attacks::all().into_iter().find(|it| it.name == "icmp_path_mtu_forged");
        let mut target = *victim.site.target();
        target.host = EVIL;
        let forged =
            (forged.expect("there is such an attack").frames)(&target, &mut Random::new(1));
        victim.site.send(&forged).expect("they are sent");
        assert!(victim.counter("ipv4.small_mtus") > 100, "UDP does not believe it");
        // On the connection that is there, and on one that is opened now, which is told of no smaller segments.
        assert_eq!(longest(&mut puppet, &mut talk), LARGEST);
        puppet.send(&talk.flow, &talk.segment(RST), &[]).expect("it is sent");
        let options = option(MSS, &(LARGEST as u16).to_be_bytes());
        let mut talk = puppet.connect(victim.place(), 40_001, options).expect("it is answered");
        assert_eq!(talk.answer.option(MSS), Some(&(LARGEST as u16).to_be_bytes()[..]));
        assert_eq!(longest(&mut puppet, &mut talk), LARGEST);
        puppet.send(&talk.flow, &talk.segment(RST), &[]).expect("it is sent");
    });
}
