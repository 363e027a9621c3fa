//! What a region gives back when it is reset, emptied or dropped.

use rt_regions::PAGE_SIZE;

use super::{Id, Model};

impl Model {
    /// The region is emptied, and keeps its newest page.
    pub(crate) fn reset(&mut self, id: Id) {
        let region = self.region(id);
        region.free.0 = region.buffer;
        let kept = region.pages.pop();
        self.give_all(id);
        let base = self.base;
        let region = self.region(id);
        if let Some(page) = kept {
            region.pages.push(page);
            let start = base + page * PAGE_SIZE;
            region.free = (start, start + PAGE_SIZE);
        }
        if let Some(name) = region.name {
            self.counts[name].resets += 1;
        }
    }

    /// The region is emptied, and keeps nothing.
    pub(crate) fn empty(&mut self, id: Id) {
        self.reset(id);
        if self.has_pages(id) {
            self.give_all(id);
            self.region(id).free = (0, 0);
        }
    }

    /// The region is dropped.
    pub(crate) fn close(&mut self, id: Id) {
        self.give_all(id);
        let region = self.regions.remove(&id).expect("the region is open");
        if let Some(name) = region.name {
            self.counts[name].live -= 1;
        }
    }

    fn give_all(&mut self, id: Id) {
        self.drop_down_to(id, 0);
        self.unfill(id, (0, 0));
        self.give_down_to(id, (0, 0));
    }

    /// Gives back the pages and runs of a region after the first so many.
    pub(super) fn give_down_to(&mut self, id: Id, (pages, runs): (usize, usize)) {
        let region = self.region(id);
        let mut later = region.runs.split_off(runs);
        later.extend(region.pages.drain(pages..).map(|page| (page, 1)));
        for (first, count) in later {
            self.in_use[first..first + count].fill(false);
            self.count(id, -(count as isize));
        }
    }
}
