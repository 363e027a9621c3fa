//! A segment as values: what a connection is fed with, and what it gives out.

use core::fmt;

use crate::Seq;

/// The control bits of a segment (RFC 9293 3.1, RFC 3168).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push function.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x20);

    /// Whether all bits of `other` are set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Writes the names of the bits: `SYN ACK`.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        for (bit, name) in
            ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"].iter().enumerate()
        {
            if self.0 & 1 << bit != 0 {
                write!(f, "{space}{name}")?;
                space = " ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The timestamps of a segment (RFC 7323 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// The clock of the sender.
    pub value: u32,
    /// What the sender last saw of the receiver's clock, if the segment has an acknowledgment.
    pub echo: u32,
}

/// How many blocks a SACK option has at most (RFC 2018 3): four fill the 40 bytes of options, and three if there are
/// timestamps too.
pub const MAX_SACK_BLOCKS: usize = 4;

/// The blocks of a SACK option (RFC 2018 3): each the first number of a block that was received, and the number after
/// its last.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SackBlocks {
    blocks: [(Seq, Seq); MAX_SACK_BLOCKS],
    len: u8,
}

impl SackBlocks {
    /// No blocks.
    pub const NONE: Self = Self { blocks: [(Seq(0), Seq(0)); MAX_SACK_BLOCKS], len: 0 };

    /// Adds a block, if there is room for one more.
    pub fn push(&mut self, start: Seq, end: Seq) {
        if let Some(block) = self.blocks.get_mut(usize::from(self.len)) {
            *block = (start, end);
            self.len += 1;
        }
    }

    /// Keeps the first `count` blocks.
    pub fn truncate(&mut self, count: usize) {
        self.len = self.len.min(count.min(MAX_SACK_BLOCKS) as u8);
    }

    /// The blocks, in the order of the option.
    pub fn as_slice(&self) -> &[(Seq, Seq)] {
        &self.blocks[..usize::from(self.len)]
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// The options of a segment that are understood (RFC 9293 3.2, RFC 7323, RFC 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// The maximum segment size in bytes, in a SYN.
    pub mss: Option<u16>,
    /// How many bits the window is shifted, in a SYN; as received, which may be more than 14.
    pub window_scale: Option<u8>,
    /// Whether the sender understands SACK, in a SYN.
    pub sack_permitted: bool,
    /// The timestamps.
    pub timestamps: Option<Timestamps>,
    /// What was received out of order.
    pub sack: SackBlocks,
}

/// A received segment, whose checksum was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The sender's port and ours.
    pub ports: [u16; 2],
    /// The sequence number of the first byte, or of the SYN.
    pub seq: Seq,
    /// The next number that the sender expects, if the flag ACK is set.
    pub ack: Seq,
    /// The control bits.
    pub flags: Flags,
    /// The window as it is in the header, not shifted.
    pub window: u16,
    /// The urgent pointer, if the flag URG is set.
    pub urgent: u16,
    /// The options.
    pub options: Options,
    /// The data.
    pub payload: &'a [u8],
    /// How many segments of the sender were joined to this one by an interface; 1 if none were.
    pub joined: u16,
}

impl Segment<'_> {
    /// How many sequence numbers it takes: its bytes, and one each for SYN and FIN (RFC 9293 3.4).
    #[inline]
    pub fn len(&self) -> u32 {
        let flags =
            u32::from(self.flags.contains(Flags::SYN)) + u32::from(self.flags.contains(Flags::FIN));
        self.payload.len() as u32 + flags
    }

    /// Whether it takes no sequence number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
