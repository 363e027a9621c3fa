//! What is known of a received frame beside its bytes, as a number.

use core::num::NonZeroU16;

use crate::{Checksums, RxFrame};

/// What is known of a received frame beside its bytes: what travels with it to another core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RxMarks {
    /// See [`RxFrame::checksums`].
    pub checksums: Checksums,
    /// See [`RxFrame::segment_size`].
    pub segment_size: Option<NonZeroU16>,
}

impl RxMarks {
    /// Those of a frame.
    pub fn of(frame: &RxFrame<'_>) -> Self {
        Self { checksums: frame.checksums, segment_size: frame.segment_size }
    }

    /// The frame with these bytes.
    pub fn frame(self, bytes: &[u8]) -> RxFrame<'_> {
        RxFrame { bytes, checksums: self.checksums, segment_size: self.segment_size }
    }

    /// As a number.
    pub fn to_bits(self) -> u32 {
        let checksums = match self.checksums {
            Checksums::NotChecked => 0,
            Checksums::Verified => 1,
            Checksums::Blank => 2,
        };
        checksums << 16 | u32::from(self.segment_size.map_or(0, NonZeroU16::get))
    }

    /// Those of a number. If it is none of [`to_bits`](Self::to_bits), the checksums are to be verified.
    pub fn from_bits(bits: u32) -> Self {
        let checksums = match bits >> 16 {
            1 => Checksums::Verified,
            2 => Checksums::Blank,
            _ => Checksums::NotChecked,
        };
        Self { checksums, segment_size: NonZeroU16::new(bits as u16) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_what_it_was_made_of() {
        for checksums in [Checksums::NotChecked, Checksums::Verified, Checksums::Blank] {
            for size in [0, 1, 1448, u16::MAX] {
                let marks = RxMarks { checksums, segment_size: NonZeroU16::new(size) };
                assert_eq!(RxMarks::from_bits(marks.to_bits()), marks);
                assert_eq!(RxMarks::of(&marks.frame(b"frame")), marks);
            }
        }
        assert_eq!(RxMarks::from_bits(u32::MAX).checksums, Checksums::NotChecked);
    }
}
