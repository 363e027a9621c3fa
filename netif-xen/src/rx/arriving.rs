//! The frame of which some pieces have arrived.

use core::num::NonZeroU16;

use crate::{
    ProtocolViolation,
    segments::{LONGEST, SEGMENTS},
    wire::{ExtraInfo, LARGEST_HEADER},
};

/// The frame of which some pieces have arrived, in the slots from `first` on.
#[derive(Clone, Copy, Default)]
pub(super) struct Arriving {
    pub(super) first: usize,
    pub(super) slots: usize,
    pub(super) length: usize,
    /// The flags that describe its checksums.
    pub(super) flags: u16,
    /// Whether the next slot is an extra information.
    pub(super) extra: bool,
    /// Whether another piece follows.
    pub(super) more: bool,
    /// The number of data bytes in each of the TCP segments that it was joined from.
    pub(super) segment_size: Option<NonZeroU16>,
    /// The reason why the frame will not be handed up, if there is one.
    pub(super) fault: Option<Fault>,
}

impl Arriving {
    /// The length in bytes of the longest frame that this one can be, where `longest` is that of a frame which was not
    /// joined. The segments that it was joined from are no longer than the MTU.
    pub(super) fn longest(&self, longest: usize) -> usize {
        match self.segment_size {
            Some(size) if SEGMENTS && usize::from(size.get()) <= longest - LARGEST_HEADER => {
                LONGEST + LARGEST_HEADER
            }
            _ => longest,
        }
    }
}

/// Why a frame is lost.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// The backend could not deliver it.
    Backend,
    /// The backend still uses its page.
    InUse,
}

/// The size of the segments that an extra information tells.
pub(super) fn segment_size(extra: ExtraInfo) -> Result<NonZeroU16, ProtocolViolation> {
    let (kind, size) = extra.segments;
    match NonZeroU16::new(size) {
        Some(size) if matches!(kind, ExtraInfo::TCPV4 | ExtraInfo::TCPV6) => Ok(size),
        _ => Err(ProtocolViolation::Extra(extra.kind)),
    }
}
