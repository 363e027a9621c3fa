//! Finite regions: a buffer whose size is known at compile time, and no page.

use core::{fmt, mem::MaybeUninit};

use crate::Region;

/// Room for a region of at most `N` bytes, stored in this value (mostly on the stack).
///
/// ```
/// use rt_regions::Finite;
///
/// let mut room = Finite::<64>::new();
/// let region = room.region("line");
/// assert_eq!(region.format(format_args!("{} of {}", 3, 7)).unwrap(), "3 of 7");
/// assert_eq!(region.pages(), 0);
/// ```
pub struct Finite<const N: usize>([MaybeUninit<u8>; N]);

impl<const N: usize> Finite<N> {
    /// Room that is not yet used.
    pub const fn new() -> Self {
        Self([MaybeUninit::uninit(); N])
    }

    /// Opens the region. It ends with the borrow; opened again, it is empty again.
    pub fn region(&mut self, name: &'static str) -> Region<'_> {
        Region::finite(&mut self.0, name)
    }
}

impl<const N: usize> Default for Finite<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for Finite<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finite<{N}>")
    }
}
