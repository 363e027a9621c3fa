//! The sizes of pages, runs and objects.

/// The size of a page in bytes, which is the unit that Xen grants and the hardware maps.
pub const PAGE_SIZE: usize = 4096;

/// The number of classes of runs: a run of class `c` has 2^c pages, the largest 4 MiB.
pub(crate) const CLASSES: usize = 11;

/// The largest object, in bytes: a run of the highest class.
pub(crate) const LARGEST: usize = PAGE_SIZE << (CLASSES - 1);
