//! Frames that nobody thought of: valid ones, changed at random, by the fields that they have.

use std::{net::Ipv4Addr, time::Instant};

use lab::soak::frames::{self, ICMP, Ipv4, MORE, Mac, UDP, arp, ethernet, icmp};
use testkit::Random;

use super::{
    compare::{Findings, Step},
    frames::{
        ALL, ARP, CLOSED, IP, IPV4, OUR_MAC, PEER, PEER_MAC, PORT, STRANGER, STRANGER_MAC, US,
        repair_header, repair_payload,
    },
    kernel::with_kernel,
    team::Manner,
};

/// How many conversations, of up to [`FRAMES`] frames and what fragments they fall into.
const CONVERSATIONS: usize = 3000;
const FRAMES: usize = 4;
/// Where all of it begins.
const SEED: u64 = 826;

/// Who speaks: the neighbour that is known, two that are not, one from far.
const SPEAKERS: [(Mac, Ipv4Addr); 4] = [
    (PEER_MAC, PEER),
    (STRANGER_MAC, STRANGER),
    ([2, 0, 10, 0, 0, 9], Ipv4Addr::new(10, 0, 0, 9)),
    (PEER_MAC, Ipv4Addr::new(192, 0, 2, 9)),
];

pub(crate) fn random_frames(manner: Manner) {
    // The memory of several cores is never given back.
    let conversations = if manner == Manner::Alone { CONVERSATIONS } else { CONVERSATIONS / 3 };
    let (mut findings, start) = (Findings::of_ipv4(manner), Instant::now());
    with_kernel(|kernel| {
        // So that no time is over in between.
        kernel.set_reassembly_timeout(u8::MAX);
        let mut random = Random::new(SEED);
        for number in 0..conversations {
            let steps: Vec<_> = conversation(&mut random).into_iter().map(Step::Frame).collect();
            findings.converse(&format!("conversation {number}"), kernel, &steps);
        }
    });
    println!(
        "{} answers compared, {} of them not empty, in {:.1} s",
        findings.compared,
        findings.answered,
        start.elapsed().as_secs_f64()
    );
    findings.assert_alike();
    // Else it would be a test of what is dropped.
    let Findings { compared, answered, .. } = findings;
    assert!(compared > 2 * conversations && answered > compared / 4, "{answered} of {compared}");
}

/// Some frames of the same speakers.
fn conversation(random: &mut Random) -> Vec<Vec<u8>> {
    let speaker = SPEAKERS[if random.once_in(2) { 0 } else { random.below(SPEAKERS.len()) }];
    let mut frames = Vec::new();
    for number in 0..1 + random.below(FRAMES) {
        let mut some = match random.below(10) {
            0 | 1 => vec![arp_packet(random, speaker)],
            2 => fragments(random, speaker, number as u16),
            _ => vec![packet(random, speaker)],
        };
        if random.once_in(2) {
            some.iter_mut().for_each(|frame| mutate(frame, random));
        }
        frames.extend(some);
    }
    frames
}

/// What is carried: a protocol, and its bytes.
fn message(random: &mut Random, source: Ipv4Addr, most: usize) -> (u8, Vec<u8>) {
    let length = random.below(most);
    let data = random.bytes(length);
    match random.below(10) {
        0 | 1 => (ICMP, icmp(8, 0, &[&random.bytes(4)[..], &data].concat())),
        2 => (ICMP, error(random)),
        3 => (ICMP, icmp(random.bits() as u8, random.below(3) as u8, &random.bytes(12))),
        4 => ([0, 3, 61, 253, 255][random.below(5)], data),
        5 | 6 => (UDP, frames::udp((source, 5000), (US, CLOSED), &data)),
        _ => {
            let mut datagram = frames::udp((source, 5000), (US, PORT), &data);
            if random.once_in(4) {
                datagram[6..8].fill(0);
            }
            (UDP, datagram)
        }
    }
}

/// An error about what we might have sent, to somebody who sends us nothing: a path that gets smaller would
/// stay so.
fn error(random: &mut Random) -> Vec<u8> {
    let far = Ipv4Addr::new(198, 51, 100, random.bits() as u8);
    let datagram = frames::udp((US, PORT), (far, 5000), b"hello");
    let mut quote = Ipv4::new(US, far, UDP).packet(&datagram);
    quote.truncate(20 + random.below(20));
    let (kind, mtu) = ([3, 4, 5, 11, 12][random.below(5)], random.bits() as u16);
    icmp(kind, random.below(6) as u8, &[&[0; 2][..], &mtu.to_be_bytes(), &quote].concat())
}

fn packet(random: &mut Random, (mac, source): (Mac, Ipv4Addr)) -> Vec<u8> {
    let (protocol, bytes) = message(random, source, 100);
    let mut header = Ipv4::new(source, US, protocol);
    if random.once_in(8) {
        let words = 1 + random.below(4);
        header.options = options(random, words * 4);
    }
    let to = if random.once_in(20) { ALL } else { OUR_MAC };
    ethernet(to, mac, IPV4, &header.packet(&bytes))
}

/// Options, most of them possible.
fn options(random: &mut Random, length: usize) -> Vec<u8> {
    let mut options = Vec::new();
    while options.len() < length {
        let room = length - options.len();
        let kind = [0, 1, 1, 7, 68, 94, 130, 131, 136, 137, 148][random.below(11)];
        let size = if random.once_in(4) { random.bits() as usize } else { 3 + random.below(6) };
        match kind {
            0 | 1 => options.push(kind),
            _ if room < 3 => options.push(1),
            _ => {
                options.extend([kind, size as u8, 4 + random.below(8) as u8]);
                options.extend(vec![0; size.min(room).saturating_sub(3)]);
            }
        }
    }
    options.truncate(length);
    options
}

/// A datagram in pieces, in any order, with some that are missing, or come twice, or overlap.
fn fragments(random: &mut Random, (mac, source): (Mac, Ipv4Addr), number: u16) -> Vec<Vec<u8>> {
    let (protocol, bytes) = message(random, source, 400);
    let step = 8 * (1 + random.below(20));
    let mut header = Ipv4::new(source, US, protocol);
    header.identification = number;
    let mut packets = header.fragments(&bytes, step);
    if random.once_in(2) {
        random.shuffle(&mut packets);
    }
    if random.once_in(4) {
        let again = packets[random.below(packets.len())].clone();
        packets.insert(random.below(packets.len() + 1), again);
    }
    if random.once_in(6) {
        packets.remove(random.below(packets.len()));
    }
    if random.once_in(6) {
        let offset = random.below(bytes.len() / 8 + 2);
        header.flags_offset = offset as u16 | if random.once_in(3) { 0 } else { MORE };
        let length = random.below(5) * 8;
        let other = header.packet(&random.bytes(length));
        packets.insert(random.below(packets.len() + 1), other);
    }
    packets.iter().map(|packet| ethernet(OUR_MAC, mac, IPV4, packet)).collect()
}

fn arp_packet(random: &mut Random, speaker: (Mac, Ipv4Addr)) -> Vec<u8> {
    let nobody = ([0; 6], Ipv4Addr::UNSPECIFIED);
    let operation = if random.once_in(8) { random.below(4) } else { 1 + random.below(2) };
    let sender = match random.below(8) {
        0 => (speaker.0, nobody.1),
        1 => SPEAKERS[random.below(3)],
        _ => speaker,
    };
    let target = match random.below(4) {
        0 => sender.1,
        _ => US,
    };
    let to = if random.once_in(2) { ALL } else { OUR_MAC };
    let target_mac = [nobody.0, OUR_MAC][random.below(2)];
    ethernet(to, sender.0, ARP, &arp(operation as u16, sender, (target_mac, target)))
}

/// The fields of an IPv4 packet without options, each with values that mean something: where, and what.
const FIELDS: [(usize, &[u8]); 18] = [
    (0, &[0x40, 0x44, 0x46, 0x4f, 0x55, 0x65]),
    (1, &[1, 2, 3, 0xb8, 0xff]),
    (2, &[0, 1, 0xff]),
    (3, &[0, 19, 20, 27, 28, 60, 0xff]),
    (6, &[0, 0x20, 0x40, 0x60, 0x80, 0x3f]),
    (7, &[0, 1, 2, 0xff]),
    (8, &[0, 1, 255]),
    (9, &[1, 17, 253]),
    (12, &[0, 10, 127, 224, 240, 255]),
    (15, &[0, 1, 2, 255]),
    (16, &[0, 10, 127, 224, 255]),
    (19, &[0, 1, 2, 3, 255]),
    (20, &[0, 3, 8, 11, 0xff]),
    (21, &[0, 1, 3, 4]),
    (22, &[0, 0x1f]),
    (23, &[0, 9, 0x90]),
    (24, &[0, 0xff]),
    (25, &[0, 7, 8, 9, 0xff]),
];

/// Damages a frame, and, mostly, makes its checksums right again: it gets deeper then.
fn mutate(frame: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let at = IP + random.below(frame.len() - IP);
        match random.below(8) {
            0 => frame[at] ^= 1 << random.below(8),
            1 => frame[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => frame[at] = random.bits() as u8,
            3 => {
                let any = random.below(IP);
                frame[any] ^= 1 << random.below(8);
            }
            _ => {
                let (place, values) = FIELDS[random.below(FIELDS.len())];
                if let Some(byte) = frame.get_mut(IP + place) {
                    *byte = values[random.below(values.len())];
                }
            }
        }
    }
    match random.below(12) {
        0 => frame.truncate(IP + random.below(frame.len() - IP) + 1),
        1 => frame.extend(random.bytes(8)),
        _ => {}
    }
    if !random.once_in(4) {
        repair_payload(frame);
    }
    if !random.once_in(6) {
        repair_header(frame);
    }
}
