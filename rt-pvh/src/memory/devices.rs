//! The addresses that belong to devices.

use core::ops::Range;

use rt_regions::PAGE_SIZE;

use super::Ram;

const PAGE: u64 = PAGE_SIZE as u64;

/// The end of all addresses, with the page tables of a guest.
const LIMIT: u64 = 1 << 47;

/// Ranges of addresses that belong to devices, or where the host puts pages. They are mapped readable and writable, and
/// none may be memory: a guest ends at its start if the loader's map has memory there.
///
/// INVARIANT: they end at 128 TiB at the latest.
// Whole pages in pieces that do not touch one another are what `Ram` is, whatever is there.
#[derive(Debug)]
pub struct DeviceRanges(Ram);

impl DeviceRanges {
    /// The most bytes of one range: the registers of a device take a few pages.
    pub const LARGEST: u64 = 4 << 20;

    pub(crate) fn new() -> Self {
        Self(Ram::from_map(&[]))
    }

    /// Adds the pages that `range` touches, even partly. Returns whether they are mapped then: a range that is empty, has
    /// more than [`LARGEST`](Self::LARGEST) bytes or ends above 128 TiB is not, nor is any for which there may be no room:
    /// behind the sixteenth.
    pub fn add(&mut self, range: Range<u64>) -> bool {
        let length = range.end.wrapping_sub(range.start);
        // An empty range has no bytes, or more than there are.
        if range.end > LIMIT || length.wrapping_sub(1) >= Self::LARGEST || self.0.is_full() {
            return false;
        }
        self.0.add(range.start & !(PAGE - 1)..range.end.next_multiple_of(PAGE));
        true
    }

    /// The ranges, lowest address first.
    pub(crate) fn ranges(&self) -> &[Range<u64>] {
        self.0.pieces()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_whole_pages_and_those_that_touch_are_joined() {
        let mut devices = DeviceRanges::new();
        assert!(devices.add(0xfeb0_0e00..0xfeb0_1000) && devices.add(0xfeb0_3000..0xfeb0_3001));
        assert_eq!(devices.ranges(), [0xfeb0_0000..0xfeb0_1000, 0xfeb0_3000..0xfeb0_4000]);
        assert!(devices.add(0xfec0_0000..0xff00_0000));
        assert!(devices.add(0xfeb0_0fff..0xfeb0_3000), "it joins two");
        assert_eq!(devices.ranges(), [0xfeb0_0000..0xfeb0_4000, 0xfec0_0000..0xff00_0000]);
        assert!(devices.add(0xfeb0_1000..0xfeb0_2000), "it is there");
        assert_eq!(devices.ranges().len(), 2);
    }

    #[test]
    fn what_is_no_range_of_a_device_is_left_out() {
        let mut devices = DeviceRanges::new();
        for range in [
            0x1000..0x1000,
            0..u64::MAX,
            0..DeviceRanges::LARGEST + 1,
            LIMIT - 0x1000..LIMIT + 1,
            u64::MAX - 5..u64::MAX,
        ] {
            assert!(!devices.add(range.clone()), "{range:x?}");
        }
        let mut count = 0;
        while devices.add(count << 20..(count << 20) + 1) {
            count += 1;
        }
        assert_eq!((count, devices.ranges().len()), (16, 16), "there is no room for more");
    }
}
