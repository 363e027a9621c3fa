//! How many pages a region and its children may hold.

use core::cell::Cell;

/// A count of pages with a cap, and the budget of the region above.
pub(crate) struct Budget<'p> {
    cap: u32,
    used: Cell<u32>,
    parent: Option<&'p Budget<'p>>,
}

impl<'p> Budget<'p> {
    pub(crate) const fn unlimited(parent: Option<&'p Budget<'p>>) -> Self {
        Self { cap: u32::MAX, used: Cell::new(0), parent }
    }

    pub(crate) fn set_cap(&mut self, pages: usize) {
        self.cap = u32::try_from(pages).unwrap_or(u32::MAX);
    }

    /// The least cap of the budgets of the tree, in pages.
    pub(crate) fn cap(&self) -> usize {
        self.ancestors().map(|budget| budget.cap).min().unwrap_or(self.cap) as usize
    }

    fn ancestors(&self) -> impl Iterator<Item = &Budget<'p>> {
        core::iter::successors(Some(self), |budget| budget.parent)
    }

    #[inline]
    pub(crate) fn allows(&self, pages: u32) -> bool {
        self.ancestors().all(|budget| budget.cap.saturating_sub(budget.used.get()) >= pages)
    }

    pub(crate) fn take(&self, pages: u32) {
        self.ancestors().for_each(|budget| budget.used.set(budget.used.get() + pages));
    }

    pub(crate) fn give(&self, pages: u32) {
        self.ancestors().for_each(|budget| budget.used.set(budget.used.get() - pages));
    }

    /// Used and cap, in pages, of the budget of the tree that has the least left.
    pub(crate) fn tightest(&self) -> (usize, usize) {
        let left = |budget: &&Budget<'p>| budget.cap.saturating_sub(budget.used.get());
        let budget = self.ancestors().min_by_key(left).unwrap_or(self);
        (budget.used.get() as usize, budget.cap as usize)
    }
}
