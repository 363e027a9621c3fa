//! Of the model: scopes, values that are dropped, and pages that are adopted.

use rt_regions::{Exhausted, Limit, PAGE_SIZE};

use super::{Id, Model, PAGE};

/// What a region was when a scope was opened in it.
#[derive(Debug)]
pub(crate) struct Mark {
    pages: usize,
    runs: usize,
    free: (usize, usize),
    filled: (usize, usize),
    dropping: usize,
}

impl Model {
    /// A scope is opened in the region.
    pub(crate) fn enter(&mut self, id: Id) {
        let region = self.region(id);
        region.marks.push(Mark {
            pages: region.pages.len(),
            runs: region.runs.len(),
            free: region.free,
            filled: region.filled,
            dropping: region.dropping.len(),
        });
    }

    /// The innermost scope of the region has ended.
    pub(crate) fn leave(&mut self, id: Id) {
        let mark = self.region(id).marks.pop().expect("a scope is open");
        self.drop_down_to(id, mark.dropping);
        self.unfill(id, mark.filled);
        self.give_down_to(id, (mark.pages, mark.runs));
        self.region(id).free = mark.free;
    }

    /// A value that is to be dropped is in the region.
    pub(crate) fn will_drop(&mut self, id: Id, number: u64) {
        self.region(id).dropping.push(number);
    }

    /// A value is dropped now.
    pub(crate) fn drops(&mut self, number: u64) {
        self.dropped.push(number);
    }

    /// All values of a region after the first so many are dropped, the newest first.
    pub(super) fn drop_down_to(&mut self, id: Id, length: usize) {
        let values = self.region(id).dropping.split_off(length);
        self.dropped.extend(values.into_iter().rev());
    }

    /// Compares the values that were dropped with those that were to be.
    pub(crate) fn check_dropped(&mut self, dropped: &[u64]) {
        assert_eq!(std::mem::take(&mut self.dropped), dropped, "the values that were dropped");
    }

    fn index(&self, address: usize) -> usize {
        assert_eq!((address - self.base) % PAGE_SIZE, 0, "a page begins at {address:#x}");
        (address - self.base) / PAGE_SIZE
    }

    /// Somebody took a page.
    pub(crate) fn took_page(&mut self, address: usize) {
        assert!(self.has_run(1, false), "there was none to take");
        let page = self.index(address);
        assert!(!std::mem::replace(&mut self.in_use[page], true), "{address:#x} is in use");
        let counts = &mut self.counts[PAGE];
        counts.opened += 1;
        counts.live += 1;
        counts.pages += 1;
        counts.most_pages = counts.most_pages.max(counts.pages);
    }

    /// Nobody got a page.
    pub(crate) fn refused_page(&mut self, error: &Exhausted) {
        assert!(!self.has_run(1, false), "there was one");
        self.counts[PAGE].refused += 1;
        let used = self.counts[PAGE].pages * PAGE_SIZE;
        let allowed = used + self.free_pages() * PAGE_SIZE;
        let (name, page) = (super::NAMES[PAGE], PAGE_SIZE);
        let expected = Exhausted::new(name, Limit::Pool, page, used, allowed);
        assert_eq!(*error, expected);
    }

    /// A page went back to the pool.
    pub(crate) fn gave_page(&mut self, address: usize) {
        let page = self.index(address);
        assert!(std::mem::replace(&mut self.in_use[page], false), "{address:#x} is not in use");
        self.counts[PAGE].live -= 1;
        self.counts[PAGE].pages -= 1;
    }

    /// Whether the region has one page, which a page that it adopts takes the place of.
    fn exchanges(&self, id: Id) -> bool {
        let region = &self.regions[&id];
        region.pages.len() == 1
            && region.marks.is_empty()
            && region.free.1 - region.free.0 == PAGE_SIZE
    }

    /// What stands against a region's adopting a page.
    pub(crate) fn adoption(&self, id: Id, length: usize) -> Option<Limit> {
        let fits = |region: &super::Expected| region.cap.is_none_or(|cap| region.used < cap);
        if !self.has_pages(id) {
            Some(Limit::Cap)
        } else if length > PAGE_SIZE {
            Some(Limit::Size)
        } else if self.exchanges(id) || self.ancestors(id).all(fits) {
            None
        } else {
            Some(Limit::Cap)
        }
    }

    /// A region has adopted the page.
    pub(crate) fn adopted(&mut self, id: Id, address: usize, length: usize) {
        assert_eq!(self.adoption(id, length), None);
        if self.exchanges(id) {
            self.give_down_to(id, (0, self.regions[&id].runs.len()));
        }
        self.gave_page(address);
        let page = self.take_pages(id, address, 1);
        self.begin_page(id, page, length);
    }

    /// A region has refused the page, which went back to the pool.
    pub(crate) fn refused_to_adopt(
        &mut self,
        id: Id,
        address: usize,
        length: usize,
        error: &Exhausted,
    ) {
        self.gave_page(address);
        assert_eq!((Some(error.limit), error.requested()), (self.adoption(id, length), length));
        if let Some(name) = self.regions[&id].name {
            self.counts[name].refused += 1;
        }
    }
}
