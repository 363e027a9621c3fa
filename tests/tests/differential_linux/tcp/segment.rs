//! Segments for both hosts, made byte by byte: an error of our own headers must not be made here too.

use std::fmt;

use lab::soak::frames::{Ipv4, checksum};

use super::text;
use crate::differential_linux::frames::{PEER, PORT, US, to_us};

/// The protocol's number.
pub(super) const TCP: u8 = 6;

/// Where the numbers of the peer begin: they pass 2^32 soon.
pub(super) const PEER_ISS: u32 = u32::MAX - 2_000;
/// Where its timestamps begin.
pub(super) const PEER_CLOCK: u32 = u32::MAX - 5_000;

pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
pub(super) const PSH: u8 = 8;
pub(super) const ACK: u8 = 16;

/// An option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Opt {
    Mss(u16),
    SackPermitted,
    /// Counted from the clocks of the sender and the receiver.
    Timestamps(u32, u32),
    Scale(u8),
    /// Counted from the numbers of the receiver.
    Sack(Vec<(u32, u32)>),
    Raw(Vec<u8>),
}

/// A segment of the peer, whose numbers count from where those of each side begin.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) to: u16,
    pub(super) seq: u32,
    /// What it acknowledges; `None` writes a 0.
    pub(super) ack: Option<u32>,
    pub(super) flags: u8,
    /// The four reserved bits (RFC 9293 3.1).
    pub(super) reserved: u8,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) options: Vec<Opt>,
    pub(super) data: Vec<u8>,
    /// The length of the header in words, if it is not what it should be.
    pub(super) offset: Option<u8>,
    /// What is added to the checksum.
    pub(super) damage: u16,
    /// How many bytes of it come.
    pub(super) cut: Option<usize>,
    /// Some bytes of the header that are others.
    pub(super) changes: Vec<(usize, u8)>,
}

/// Where the numbers of a host begin, as far as it has said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    pub(super) iss: u32,
    pub(super) clock: Option<u32>,
}

/// The byte that a side has at a number.
pub(super) fn byte(salt: u8, at: u32) -> u8 {
    (at.wrapping_mul(7).wrapping_add(at / 251) as u8) ^ salt
}

impl Segment {
    /// A frame from this port of the peer, for a host with these numbers.
    pub(super) fn frame(&self, port: u16, host: Origin) -> Vec<u8> {
        let mut options = Vec::new();
        for option in &self.options {
            option.write(host, &mut options);
        }
        while options.len() % 4 != 0 {
            options.push(0);
        }
        let words = self.offset.unwrap_or((5 + options.len() / 4) as u8);
        let ack = self.ack.map_or(0, |ack| host.iss.wrapping_add(ack));
        let mut bytes = [
            &port.to_be_bytes()[..],
            &self.to.to_be_bytes(),
            &PEER_ISS.wrapping_add(self.seq).to_be_bytes(),
            &ack.to_be_bytes(),
            &[words << 4 | self.reserved & 0xf, self.flags],
            &self.window.to_be_bytes(),
            &[0, 0],
            &self.urgent.to_be_bytes(),
            &options,
            &self.data,
        ]
        .concat();
        for (at, value) in &self.changes {
            if let Some(byte) = bytes.get_mut(*at) {
                *byte = *value;
            }
        }
        if let Some(length) = self.cut {
            bytes.truncate(length);
        }
        if bytes.len() >= 18 {
            bytes[16..18].fill(0);
            let length = (bytes.len() as u16).to_be_bytes();
            let (source, destination) = (PEER.octets(), US.octets());
            let sum = checksum(&[&source[..], &destination, &[0, TCP], &length, &bytes].concat());
            let sum = sum.wrapping_add(self.damage).to_be_bytes();
            bytes[16..18].copy_from_slice(&sum);
        }
        to_us(&Ipv4::new(PEER, US, TCP).packet(&bytes))
    }

    /// How many numbers it takes.
    pub(super) fn len(&self) -> u32 {
        self.data.len() as u32 + u32::from(self.flags & SYN != 0) + u32::from(self.flags & FIN != 0)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", text::flags(self.flags), self.seq as i32)?;
        if !self.data.is_empty() {
            write!(f, ":{}", self.seq as i32 + self.data.len() as i32)?;
        }
        if let Some(ack) = self.ack {
            write!(f, " ack {}", ack as i32)?;
        }
        write!(f, " win {}", self.window)?;
        let fields = [
            ("urg", self.urgent.into(), self.urgent > 0),
            ("to", self.to.into(), self.to != PORT),
            ("res", self.reserved.into(), self.reserved > 0),
            ("damage", self.damage.into(), self.damage > 0),
            ("off", self.offset.unwrap_or(0).into(), self.offset.is_some()),
            ("cut", self.cut.unwrap_or(0), self.cut.is_some()),
        ];
        for (name, value, _) in fields.into_iter().filter(|field| field.2) {
            write!(f, " {name} {value}")?;
        }
        if !self.options.is_empty() {
            write!(f, " {:?}", self.options)?;
        }
        if !self.changes.is_empty() {
            write!(f, " with {:x?}", self.changes)?;
        }
        Ok(())
    }
}

impl Opt {
    fn write(&self, host: Origin, bytes: &mut Vec<u8>) {
        match self {
            Self::Mss(mss) => bytes.extend([&[2, 4][..], &mss.to_be_bytes()].concat()),
            Self::SackPermitted => bytes.extend([4, 2]),
            Self::Scale(shift) => bytes.extend([3, 3, *shift]),
            Self::Timestamps(value, echo) => {
                let value = PEER_CLOCK.wrapping_add(*value);
                let echo = host.clock.map_or(*echo, |clock| clock.wrapping_add(*echo));
                bytes.extend([&[8, 10][..], &value.to_be_bytes(), &echo.to_be_bytes()].concat());
            }
            Self::Sack(blocks) => {
                bytes.extend([5, 2 + 8 * blocks.len() as u8]);
                for (start, end) in blocks {
                    bytes.extend(host.iss.wrapping_add(*start).to_be_bytes());
                    bytes.extend(host.iss.wrapping_add(*end).to_be_bytes());
                }
            }
            Self::Raw(raw) => bytes.extend(raw),
        }
    }
}
