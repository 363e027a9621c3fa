//! The sizes of blocks.

use core::alloc::Layout;

use super::{Slabs, blocks, run_class};
use crate::PAGE_SIZE;

/// How many classes there are.
pub(super) const CLASS_COUNT: usize = 20;

/// The sizes in bytes, all multiples of 16. The larger ones are what fits 2, 3, 4 and so on times beside the header
/// of a page.
pub(super) const SIZES: [u16; CLASS_COUNT] = [
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 256, 320, 400, 496, 576, 672, 816, 1008, 1360, 2032,
];

/// What every block is aligned to, in bytes.
const ALIGN: usize = 16;

/// The largest class whose blocks are aligned to their size.
const LARGEST_ALIGNED: usize = 256;

/// The class for a number of units of 16 bytes.
const CLASS_OF: [u8; SIZES[CLASS_COUNT - 1] as usize / ALIGN + 1] = {
    let mut table = [0; _];
    let (mut units, mut class) = (0, 0);
    while units < table.len() {
        if units * ALIGN > SIZES[class] as usize {
            class += 1;
        }
        table[units] = class as u8;
        units += 1;
    }
    table
};

/// The class for a block of this layout; none: it needs pages of its own.
#[inline]
pub(super) fn class_of(layout: Layout) -> Option<usize> {
    let size = if layout.align() <= ALIGN {
        layout.size()
    } else {
        let size = layout.size().max(layout.align()).checked_next_power_of_two()?;
        if size > LARGEST_ALIGNED {
            return None;
        }
        size
    };
    CLASS_OF.get(size.div_ceil(ALIGN)).map(|&class| usize::from(class))
}

impl Slabs<'_> {
    /// How many bytes of pages a value of so many bytes takes: its share of a page with others of its size class, or
    /// pages of its own.
    pub const fn share_of(size: usize) -> usize {
        let units = size.div_ceil(ALIGN);
        if units < CLASS_OF.len() {
            PAGE_SIZE.div_ceil(blocks(CLASS_OF[units] as usize) as usize)
        } else {
            PAGE_SIZE << run_class(size)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_gets_the_smallest_class_that_holds_it() {
        for size in 1..=2032 {
            let class = class_of(Layout::from_size_align(size, 1).unwrap()).unwrap();
            assert!(usize::from(SIZES[class]) >= size);
            assert!(class == 0 || usize::from(SIZES[class - 1]) < size, "{size}");
        }
        assert_eq!(class_of(Layout::from_size_align(2033, 1).unwrap()), None);
        let shares = [1, 816, 1009, 2032, 2033, 4097, 8193].map(Slabs::share_of);
        assert_eq!(shares, [17, 820, 1366, 2048, 4096, 8192, 16_384]);
    }

    #[test]
    fn what_is_aligned_to_more_gets_a_class_that_is() {
        for (size, align, expected) in [
            (1, 32, Some(32)),
            (33, 32, Some(64)),
            (200, 256, Some(256)),
            (1, 512, None),
            (300, 64, None),
        ] {
            let class = class_of(Layout::from_size_align(size, align).unwrap());
            assert_eq!(class.map(|class| SIZES[class]), expected, "{size} {align}");
        }
    }
}
