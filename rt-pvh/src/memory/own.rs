//! The memory of a processor: its pool, and its region that lives as long as the guest.

use core::{cell::OnceCell, mem::MaybeUninit, ops::Range, slice};

use rt_regions::{Pool, Region};

use crate::layout::physical;
#[cfg(not(feature = "cores"))]
use crate::one_cpu::OneCpu;
#[cfg(feature = "cores")]
use crate::processors;

/// The memory of a processor. It lives as long as the guest.
pub(crate) struct Own {
    pool: OnceCell<Pool<'static>>,
    // It is never dropped, and is all zeroes while it is empty, so it takes no room in the file.
    global: OnceCell<MaybeUninit<Region<'static>>>,
}

#[cfg(not(feature = "cores"))]
static OF_THE_ONLY_ONE: OneCpu<Own> = OneCpu(Own::new());

/// That of the processor that this runs on.
pub(crate) fn of_this() -> &'static Own {
    #[cfg(feature = "cores")]
    return &processors::current().own;
    #[cfg(not(feature = "cores"))]
    &OF_THE_ONLY_ONE.0
}

impl Own {
    /// No memory yet.
    pub(crate) const fn new() -> Self {
        Self { pool: OnceCell::new(), global: OnceCell::new() }
    }

    /// Makes the pool of this memory.
    ///
    /// # Safety
    /// The memory is mapped to be read and written, and nobody uses it.
    pub(crate) unsafe fn open(
        &'static self,
        memory: Range<u64>,
    ) -> (&'static Pool<'static>, &'static Region<'static>) {
        let length = (memory.end - memory.start) as usize;
        let start = physical::<MaybeUninit<u8>>(memory.start);
        // SAFETY: it is mapped and nobody's, as the caller promises; it needs no values.
        let memory = unsafe { slice::from_raw_parts_mut(start, length) };
        let pool = self.pool.get_or_init(|| Pool::new(memory));
        let global = self.global.get_or_init(|| MaybeUninit::new(Region::new(pool, "global")));
        // SAFETY: nobody else fills the cell, and here it is filled with a region.
        (pool, unsafe { global.assume_init_ref() })
    }

    /// The pool, if there is one yet.
    pub(crate) fn pool(&'static self) -> Option<&'static Pool<'static>> {
        self.pool.get()
    }
}
