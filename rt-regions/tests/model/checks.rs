//! Of the model: what is refused, who has which bytes, and the comparison of everything with the regions.

use rt_regions::{Exhausted, Limit, PAGE_SIZE, Pool, Region};

use super::{Counts, Expected, Id, LARGEST, Model, NAMES, Outcome, PARCELS, TASKS};

impl Model {
    /// An allocation was refused, and nothing more is known.
    #[cfg(feature = "allocator-api2")]
    pub(crate) fn refused_silently(&mut self, id: Id, layout: std::alloc::Layout) {
        let outcome = self.outcome(id, layout.size(), layout.align());
        assert!(matches!(outcome, Outcome::Refused(_)), "{layout:?}: {outcome:?}");
        if let Some(name) = self.regions[&id].name {
            self.counts[name].refused += 1;
        }
    }

    /// An allocation was refused: was that right, and does the error tell the truth?
    pub(crate) fn refused(&mut self, id: Id, align: usize, name: &str, error: &Exhausted) {
        if let Some(name) = self.regions[&id].name {
            self.counts[name].refused += 1;
        }
        let outcome = self.outcome(id, error.requested(), align);
        let Outcome::Refused(limit) = outcome else { panic!("{error:?}: {outcome:?}") };
        assert_eq!((error.region, error.limit), (name, limit));
        let [used, allowed] = [error.used(), error.allowed()];
        let is_used = |region: &Expected| region.used * PAGE_SIZE == used;
        let told = match limit {
            Limit::Size => allowed == LARGEST,
            Limit::Pool => {
                allowed - used == self.free_pages() * PAGE_SIZE && self.ancestors(id).any(is_used)
            }
            _ if self.has_pages(id) => {
                let needed = error.requested().div_ceil(PAGE_SIZE).next_power_of_two() * PAGE_SIZE;
                let is_full = |region: &Expected| {
                    region.cap.is_some_and(|cap| cap * PAGE_SIZE == allowed) && is_used(region)
                };
                used + needed > allowed && self.ancestors(id).any(is_full)
            }
            _ => {
                let (next, end) = self.regions[&id].free;
                allowed - used == end - next
            }
        };
        assert!(told, "{error:?}");
    }

    /// From now on nobody else may have any of these bytes.
    pub(crate) fn claim(&mut self, start: usize, length: usize) {
        let end = start + length;
        if length > 0 {
            if let Some((before, before_end)) = self.live.range(..end).next_back() {
                assert!(
                    *before_end <= start,
                    "{start:#x}..{end:#x} overlaps what is at {before:#x}"
                );
            }
            self.live.insert(start, end);
        }
    }

    /// They are nobody's again.
    pub(crate) fn release(&mut self, start: usize, length: usize) {
        if length > 0 {
            assert_eq!(self.live.remove(&start), Some(start + length));
        }
    }

    /// Compares a region with its model.
    pub(crate) fn check_region(&self, id: Id, region: &Region<'_>) {
        let expected = &self.regions[&id];
        let runs: usize = expected.runs.iter().map(|&(_, count)| count).sum();
        assert_eq!(region.pages(), expected.pages.len() + runs, "{region:?}");
    }

    /// Compares the pool and all counters with the model.
    pub(crate) fn check(&self, pool: &Pool<'_>) {
        assert_eq!(pool.free_pages(), self.free_pages());
        let mut known = 0;
        for label in pool.labels() {
            let name = NAMES.iter().position(|name| *name == label.name()).expect("a name of ours");
            let mut expected = self.counts[name];
            if name == PARCELS || name == TASKS {
                (expected.bytes, expected.waste) = (label.bytes(), label.waste());
                expected.large = label.large_objects();
            }
            let counts = Counts {
                opened: label.opened(),
                live: label.live(),
                pages: label.pages(),
                most_pages: label.most_pages(),
                resets: label.resets(),
                refused: label.refused(),
                bytes: label.bytes(),
                waste: label.waste(),
                large: label.large_objects(),
            };
            assert_eq!(counts, expected, "{label}");
            known += 1;
        }
        let is_known = |counts: &&Counts| counts.opened > 0 || counts.refused > 0;
        assert_eq!(known, self.counts.iter().filter(is_known).count());
    }

    /// Everything is closed: nothing may be left.
    pub(crate) fn check_end(&self, pool: &Pool<'_>) {
        self.check(pool);
        assert!(self.regions.is_empty() && self.live.is_empty(), "{self:?}");
        assert_eq!(pool.free_pages(), pool.pages());
    }
}

/// The model is worth something only if it notices what it is there to notice.
#[test]
#[should_panic = "overlaps"]
fn overlapping_allocations_are_noticed() {
    let mut model = Model::new(0x1000, 1);
    model.claim(0x1000, 16);
    model.claim(0x1010, 16);
    model.claim(0x100f, 1);
}

#[test]
#[should_panic = "is in use"]
fn a_page_in_two_regions_is_noticed() {
    let mut model = Model::new(0x1000, 2);
    for name in 0..2 {
        let id = model.open(name, None, super::Limits::default());
        model.took(id, 8, 8, 0x1000);
    }
}
