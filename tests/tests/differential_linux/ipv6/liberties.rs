//! Parts of an answer that the RFCs leave open.

use lab::soak::frames::{UDP, ipv6::HEADER};

use super::frames::Packet;
use crate::differential_linux::{frames::IP, liberties::Liberty};

pub(super) const LIBERTIES: &[Liberty] = &[
    Liberty {
        name: "the hop limit of a reply",
        why: "RFC 8200 8.2: the transport chooses it. Linux sends 64; ours is less than that of the request, so that two \
              services which answer each other come to an end",
        take: |_, frame| match Packet::of(frame).map(|packet| carried(&packet)) {
            Some(UDP) => vec![take(&mut frame[IP + 7])],
            _ => Vec::new(),
        },
    },
    Liberty {
        name: "the station in the answer to a question of one host",
        why: "RFC 4861 7.2.4: the option MAY be left out, and Override is 0 then. Linux leaves it out, and we never do",
        take: |heard, frame| {
            let asked = heard.last().and_then(|frame| Packet::of(frame));
            let to_one = asked.is_some_and(|packet| !packet.destination().is_multicast());
            match message_at(frame, |kind| kind == 136).filter(|_| to_one) {
                Some(at) => {
                    let mut taken = vec![frame[at + 4] & 0x20];
                    frame[at + 4] &= !0x20;
                    taken.extend(cut(frame, at + 24));
                    taken
                }
                None => Vec::new(),
            }
        },
    },
    Liberty {
        name: "the quote of what follows a datagram",
        why: "RFC 4443 2.4 (c): an error quotes as much of the packet as fits. Ours quotes the packet, and Linux what is left of it \
              after UDP has cut off what its length does not count",
        take: |heard, frame| {
            let Some(packet) = heard.last().and_then(|frame| Packet::of(frame)) else {
                return Vec::new();
            };
            let (protocol, at) = packet.upper();
            let length = packet.0.get(at + 4..at + 6).map_or([0; 2], |field| [field[0], field[1]]);
            let end = at + usize::from(u16::from_be_bytes(length)).max(8);
            match message_at(frame, |kind| kind < 128) {
                Some(error) if protocol == UDP && end < packet.end() => cut(frame, error + 8 + end),
                _ => Vec::new(),
            }
        },
    },
    Liberty {
        name: "the code of an echo reply",
        why: "RFC 4443 4.2: an echo reply has code 0, and ours has. Linux sends the code back that came, which is 0 wherever \
              a request is as it should be",
        take: |_, frame| match message_at(frame, |kind| kind == 129) {
            Some(at) => vec![take(&mut frame[at + 1])],
            None => Vec::new(),
        },
    },
];

/// What a packet carries, or the packet that it is a fragment of.
fn carried(packet: &Packet<'_>) -> u8 {
    packet.fragment().map_or(packet.upper().0, |at| packet.0[at])
}

/// Cuts a packet off at `end`, where its header says then that it ends.
fn cut(frame: &mut Vec<u8>, end: usize) -> Vec<u8> {
    let end = end.min(frame.len());
    frame[IP + 4..IP + 6].copy_from_slice(&((end - IP - HEADER) as u16).to_be_bytes());
    frame.drain(end..).collect()
}

/// Takes a byte.
fn take(byte: &mut u8) -> u8 {
    std::mem::take(byte)
}

/// Where the ICMPv6 message of such a type begins in the frame.
fn message_at(frame: &[u8], is: impl FnOnce(u8) -> bool) -> Option<usize> {
    let packet = Packet::of(frame)?;
    packet.message().filter(|kind| is(*kind)).map(|_| IP + packet.upper().1)
}
