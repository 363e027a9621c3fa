//! What a host sent, in a form in which two hosts can be compared.

use std::fmt;

use lab::soak::frames::checksum;

use super::{
    segment::{ACK, Opt, Origin, PEER_CLOCK, PEER_ISS, RST, SYN, TCP},
    text,
};
use crate::differential_linux::frames::{PEER, PORT, Packet, US};

/// A segment of a host, whose numbers count from where those of each side begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The type of service, the time to live, and flags and offset of the packet.
    pub(super) packet: (u8, u8, u16),
    pub(super) from: u16,
    pub(super) flags: u8,
    pub(super) reserved: u8,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) urgent: u16,
    /// In a fixed order, without what fills them up.
    pub(super) options: Vec<Opt>,
    pub(super) data: Vec<u8>,
}

impl Answer {
    /// Reads the segments of a host to this port of the peer. Learns from them where its numbers begin.
    ///
    /// # Panics
    /// A segment is broken.
    pub(super) fn read(frames: &[Vec<u8>], port: u16, host: &mut Origin) -> Vec<Self> {
        let packets = frames.iter().filter_map(|frame| Packet::of(frame));
        packets.filter_map(|packet| Self::of(&packet, port, host)).collect()
    }

    fn of(packet: &Packet<'_>, port: u16, host: &mut Origin) -> Option<Self> {
        let bytes = packet.payload();
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
        if packet.protocol() != TCP || bytes.len() < 20 || word(2) != port {
            return None;
        }
        assert_eq!((packet.source(), packet.destination()), (US, PEER));
        let length = (bytes.len() as u16).to_be_bytes();
        let addresses = [US.octets(), PEER.octets()].concat();
        let sum = checksum(&[&addresses[..], &[0, TCP], &length, bytes].concat());
        assert_eq!(sum, 0, "a wrong checksum: {bytes:x?}");
        let (header, flags) = (usize::from(bytes[12] >> 4) * 4, bytes[13]);
        let mut options = read_options(&bytes[20..header]);
        if flags & SYN != 0 {
            *host = Origin { iss: long(4), clock: None };
        }
        for option in &mut options {
            match option {
                Opt::Timestamps(value, echo) => {
                    let clock = *host.clock.get_or_insert(*value);
                    *value = value.wrapping_sub(clock);
                    *echo = if *echo == 0 { 0 } else { echo.wrapping_sub(PEER_CLOCK) };
                }
                Opt::Sack(blocks) => {
                    for (start, end) in blocks {
                        *start = start.wrapping_sub(PEER_ISS);
                        *end = end.wrapping_sub(PEER_ISS);
                    }
                }
                _ => {}
            }
        }
        options.sort();
        let ack = if flags & ACK == 0 { long(8) } else { long(8).wrapping_sub(PEER_ISS) };
        Some(Self {
            packet: (
                packet.tos(),
                packet.bytes[8],
                u16::from_be_bytes([packet.bytes[6], packet.bytes[7]]),
            ),
            from: word(0),
            flags,
            reserved: bytes[12] & 0xf,
            // The reset of a segment without an acknowledgment has 0.
            seq: if flags & RST != 0 && long(4) == 0 { 0 } else { long(4).wrapping_sub(host.iss) },
            ack,
            window: word(14),
            urgent: word(18),
            options,
            data: bytes[header..].to_vec(),
        })
    }
}

/// Reads options that are whole.
fn read_options(mut bytes: &[u8]) -> Vec<Opt> {
    let mut options = Vec::new();
    while let [kind, rest @ ..] = bytes {
        match (kind, rest) {
            (0, _) => break,
            (1, _) => bytes = rest,
            (_, [length, ..]) => {
                let (option, rest) = bytes.split_at(usize::from(*length));
                let long = |at: usize| u32::from_be_bytes(option[at..at + 4].try_into().unwrap());
                options.push(match (kind, length) {
                    (2, 4) => Opt::Mss(u16::from_be_bytes([option[2], option[3]])),
                    (3, 3) => Opt::Scale(option[2]),
                    (4, 2) => Opt::SackPermitted,
                    (5, _) => {
                        let starts = (2..option.len()).step_by(8);
                        Opt::Sack(starts.map(|at| (long(at), long(at + 4))).collect())
                    }
                    (8, 10) => Opt::Timestamps(long(2), long(6)),
                    _ => Opt::Raw(option.to_vec()),
                });
                bytes = rest;
            }
            (_, []) => panic!("an option without a length"),
        }
    }
    options
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packet: (tos, ttl, fragment), .. } = self;
        write!(f, "{} {}", text::flags(self.flags), self.seq as i32)?;
        if !self.data.is_empty() {
            write!(f, ":{} ({:02x}…)", self.seq as i32 + self.data.len() as i32, self.data[0])?;
        }
        write!(f, " ack {} win {}", self.ack as i32, self.window)?;
        if self.urgent != 0 {
            write!(f, " urg {}", self.urgent)?;
        }
        if self.from != PORT || self.reserved > 0 {
            write!(f, " from {} res {}", self.from, self.reserved)?;
        }
        if (*tos, *ttl, *fragment) != (0, 64, 0x4000) {
            write!(f, " tos {tos:#x} ttl {ttl} fragment {fragment:#x}")?;
        }
        if self.options.is_empty() { Ok(()) } else { write!(f, " {:?}", self.options) }
    }
}
