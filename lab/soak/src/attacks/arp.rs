//! Attacks on ARP (RFC 826, RFC 5227).

use std::net::Ipv4Addr;

use testkit::Random;

use super::{
    super::frames::{BROADCAST, Mac, arp, ethernet},
    Attack,
    Moved::{AtLeast, Each, Not},
    Target,
};

const REQUEST: u16 = 1;
const REPLY: u16 = 2;
const UNKNOWN: Mac = [0; 6];

pub(super) const ATTACKS: &[Attack] = &[
    // More stations than the cache has places; those that it sends to stay.
    Attack::new(
        "arp_request_flood",
        request_flood,
        &[
            ("arp.requests_rx", AtLeast(4000)),
            ("arp.replies_tx", AtLeast(4000)),
            ("arp.learnt", AtLeast(1000)),
            ("arp.displaced", AtLeast(500)),
        ],
    ),
    Attack::new(
        "arp_unsolicited_replies",
        unsolicited_replies,
        &[("arp.unsolicited", Each), ("arp.learnt", Not), ("arp.displaced", Not)],
    ),
    Attack::new(
        "arp_spoofed_replies",
        |target, _| spoof(target, |t| (t.mac, arp(REPLY, (t.evil(), t.host), (t.mac, t.address)))),
        // The first one after a question passes for the liar's answer.
        &[("arp.unsolicited", AtLeast(450)), ("arp.doubted", AtLeast(1)), ("arp.changed", Not)],
    ),
    Attack::new(
        "arp_spoofed_announcements",
        |target, _| {
            spoof(target, |t| (BROADCAST, arp(REQUEST, (t.evil(), t.host), (UNKNOWN, t.host))))
        },
        &[("arp.requests_rx", AtLeast(500)), ("arp.doubted", AtLeast(1)), ("arp.changed", Not)],
    ),
    Attack::new(
        "arp_spoofed_requests",
        |target, _| {
            spoof(target, |t| (t.mac, arp(REQUEST, (t.evil(), t.host), (UNKNOWN, t.address))))
        },
        &[("arp.replies_tx", AtLeast(500)), ("arp.doubted", AtLeast(1)), ("arp.changed", Not)],
    ),
    Attack::new(
        "arp_conflicts",
        |target, _| {
            spoof(target, |t| {
                (BROADCAST, arp(REQUEST, (t.evil(), t.address), (UNKNOWN, t.address)))
            })
        },
        &[("arp.conflicts", Each), ("arp.defences", AtLeast(1)), ("arp.replies_tx", Not)],
    ),
    Attack::new("arp_malformed", malformed, &[("arp.malformed", Each), ("arp.replies_tx", Not)]),
    Attack::new(
        "arp_bad_senders",
        bad_senders,
        &[("arp.bad_sender", Each), ("arp.replies_tx", Not)],
    ),
    Attack::new(
        "arp_sender_is_not_the_station",
        |target, _| {
            let asks = (target.stranger_mac(1), target.stranger(1));
            let packet = arp(REQUEST, asks, (UNKNOWN, target.address));
            vec![ethernet(target.mac, target.evil(), 0x0806, &packet); 500]
        },
        &[("arp.mismatched", Each), ("arp.learnt", Not), ("arp.replies_tx", AtLeast(500))],
    ),
];

fn request_flood(target: &Target, _: &mut Random) -> Vec<Vec<u8>> {
    let request = |number| {
        let asks = (target.stranger_mac(number), target.stranger(number));
        let packet = arp(REQUEST, asks, (UNKNOWN, target.address));
        ethernet(BROADCAST, asks.0, 0x0806, &packet)
    };
    (0..4000).map(request).collect()
}

fn unsolicited_replies(target: &Target, _: &mut Random) -> Vec<Vec<u8>> {
    (0..2000).map(|number| target.answer_of_stranger(number)).collect()
}

/// One lie many times, from the attacker's station: whom it is for, and the packet.
fn spoof(target: &Target, lie: impl Fn(&Target) -> (Mac, Vec<u8>)) -> Vec<Vec<u8>> {
    let (destination, packet) = lie(target);
    vec![ethernet(destination, target.evil(), 0x0806, &packet); 500]
}

fn malformed(target: &Target, random: &mut Random) -> Vec<Vec<u8>> {
    let asks = (target.evil(), target.stranger(1));
    let good = arp(REQUEST, asks, (UNKNOWN, target.address));
    let change = |number: usize| {
        let mut packet = good.clone();
        match number % 5 {
            // Hardware type, protocol type, and the two lengths.
            0 => packet[random.below(2)] ^= 0x40,
            1 => packet[2 + random.below(2)] ^= 0x11,
            2 => packet[4] = [0, 5, 7, 255][random.below(4)],
            3 => packet[5] = [0, 3, 16, 255][random.below(4)],
            _ => packet.truncate(random.below(28)),
        }
        ethernet(BROADCAST, target.evil(), 0x0806, &packet)
    };
    (0..500).map(change).collect()
}

fn bad_senders(target: &Target, _: &mut Random) -> Vec<Vec<u8>> {
    let stranger = target.stranger(1);
    let senders = [
        // No station has these hardware addresses, but we have the last.
        (BROADCAST, stranger),
        ([1, 0, 0x5e, 0, 0, 1], stranger),
        (UNKNOWN, stranger),
        (target.mac, stranger),
        // No host has these.
        (target.evil(), Ipv4Addr::BROADCAST),
        (target.evil(), Ipv4Addr::LOCALHOST),
        (target.evil(), Ipv4Addr::new(224, 0, 0, 1)),
        (target.evil(), target.broadcast()),
    ];
    let frame = |&sender: &(Mac, Ipv4Addr)| {
        let packet = arp(REQUEST, sender, (UNKNOWN, target.address));
        ethernet(BROADCAST, target.evil(), 0x0806, &packet)
    };
    senders.iter().map(frame).cycle().take(480).collect()
}
