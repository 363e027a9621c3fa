//! Refusals on demand, so that a test can let every single allocation fail.

use core::cell::Cell;

use super::Pool;

/// Which taking of pages is to be refused.
#[derive(Default)]
pub(super) struct Refusal {
    /// How many are left, that one included; 0: none is.
    left: Cell<usize>,
}

impl Refusal {
    /// Counts a taking; says whether it is the one.
    pub(super) fn is_now(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 1
    }
}

impl Pool<'_> {
    /// From now on, refuses the allocation of pages with this `number` (the next is 1) as if none were left,
    /// and no other. 0 cancels an earlier request.
    pub fn refuse(&self, number: usize) {
        self.refusal.left.set(number);
    }

    /// Whether the refusal that [`refuse`](Self::refuse) asked for is still to come.
    pub fn will_refuse(&self) -> bool {
        self.refusal.left.get() > 0
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;

    use crate::{Limit, PAGE_SIZE, Pool, Region};

    #[test]
    fn one_taking_is_refused_and_no_other() {
        let mut memory = Box::new_uninit_slice(32 * PAGE_SIZE);
        let pool = Pool::new(&mut memory);
        let region = Region::new(&pool, "test");
        pool.refuse(3);
        let taken = |pages: usize| region.alloc_uninit::<u8>(pages * PAGE_SIZE).map(drop);
        assert!(taken(1).is_ok() && taken(4).is_ok() && pool.will_refuse());
        let refused = taken(2).unwrap_err();
        assert_eq!((refused.limit, refused.used()), (Limit::Pool, 5 * PAGE_SIZE));
        assert!(taken(2).is_ok() && taken(1).is_ok() && !pool.will_refuse());
        pool.refuse(1);
        pool.refuse(0);
        assert!(taken(1).is_ok());
        drop(region);
        assert_eq!(pool.free_pages(), pool.pages());
    }
}
