//! The free lists: runs of 2^class pages. A run is split when only larger ones are free. Runs are joined
//! again when a run is asked for that is not there.

use super::{NONE, Pool};
use crate::size::CLASSES;

impl Pool<'_> {
    pub(super) fn pop(&self, class: usize) -> Option<u32> {
        let head = self.free.get(class)?;
        let run = head.get();
        if run == NONE {
            return None;
        }
        head.set(self.next(run));
        Some(run)
    }

    fn push(&self, run: u32, class: usize) {
        self.pages[run as usize].class.set(class as u8);
        self.set_next(run, self.free[class].get());
        self.free[class].set(run);
    }

    /// Halves the smallest run that is larger than `class` until one of `class` is there.
    pub(super) fn split(&self, class: usize) -> Option<u32> {
        let from = (class + 1..CLASSES).find(|&larger| self.free[larger].get() != NONE)?;
        let run = self.pop(from)?;
        for half in (class..from).rev() {
            self.push(run + (1 << half), half);
        }
        self.pages[run as usize].class.set(class as u8);
        Some(run)
    }

    pub(super) fn sort_returned(&self) {
        let mut run = self.returned.replace(NONE);
        while run != NONE {
            let next = self.next(run);
            self.push(run, self.pages[run as usize].class.get() as usize);
            run = next;
        }
    }

    /// Joins free neighbours into the largest possible runs, lowest addresses first on each list. Linear in
    /// the number of pages; does nothing if nothing was given back since the last time.
    pub(super) fn join(&self) {
        if self.unjoined.replace(0) == 0 {
            return;
        }
        for page in self.pages {
            page.free.set(false);
        }
        for class in 0..CLASSES {
            while let Some(run) = self.pop(class) {
                let page = &self.pages[run as usize];
                page.class.set(class as u8);
                page.free.set(true);
            }
        }
        let is_free = |run: usize, class: usize| {
            self.pages.get(run).is_some_and(|p| p.free.get() && p.class.get() as usize == class)
        };
        for class in 0..CLASSES - 1 {
            let half = 1 << class;
            let mut run = 0;
            while run < self.pages.len() {
                if is_free(run, class) && is_free(run + half, class) {
                    self.pages[run].class.set(class as u8 + 1);
                    self.pages[run + half].free.set(false);
                }
                run += 2 * half;
            }
        }
        for run in (0..self.pages.len()).rev() {
            if self.pages[run].free.get() {
                self.push(run as u32, self.pages[run].class.get() as usize);
            }
        }
    }

    /// Puts all pages on the free lists, in the largest runs that their alignment allows.
    pub(super) fn put_all(&self) {
        let count = self.pages.len();
        let mut end = count;
        // The last runs first, so that the lowest addresses come to stand first.
        while end > 0 {
            let mut class = (end.trailing_zeros() as usize).min(CLASSES - 1);
            while 1 << class > end {
                class -= 1;
            }
            end -= 1 << class;
            self.push(end as u32, class);
        }
    }
}
