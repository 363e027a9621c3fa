//! What the regions of a pool must be like, worked out from the documentation and kept apart from them.

use std::collections::BTreeMap;

use rt_regions::{Limit, PAGE_SIZE, Region};

#[path = "checks.rs"]
mod checks;
#[path = "endings.rs"]
mod endings;
#[path = "scopes.rs"]
mod scopes;

/// The largest object.
const LARGEST: usize = 1024 * PAGE_SIZE;

/// The names that regions are opened with.
pub(crate) const NAMES: [&str; 8] =
    ["outer", "child", "own", "box", "parcels", "kept", "page", "task"];

/// Of those, the names of the regions whose objects have a layout that the model does not know.
pub(crate) const PARCELS: usize = 4;
pub(crate) const TASKS: usize = 7;

/// And that of single pages.
pub(crate) const PAGE: usize = 6;

/// A region of the model.
pub(crate) type Id = u32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    opened: u64,
    live: usize,
    pages: usize,
    most_pages: usize,
    resets: u64,
    refused: u64,
    bytes: usize,
    waste: usize,
    large: u64,
}

/// What a region may do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// In bytes.
    pub(crate) cap: Option<usize>,
    /// Whether it may use what is kept back.
    pub(crate) reserve: bool,
}

impl Limits {
    /// Gives a region these limits.
    pub(crate) fn set<'p>(self, region: Region<'p>) -> Region<'p> {
        let region = if self.reserve { region.with_reserve() } else { region };
        match self.cap {
            Some(bytes) => region.with_cap(bytes),
            None => region,
        }
    }
}

/// What a region has.
#[derive(Debug)]
struct Expected {
    name: Option<usize>,
    parent: Option<Id>,
    /// In pages.
    cap: Option<usize>,
    reserve: bool,
    /// Pages of the region and of its children.
    used: usize,
    /// The single pages, the newest last.
    pages: Vec<usize>,
    /// The runs of large objects: the first page and how many.
    runs: Vec<(usize, usize)>,
    /// Free bytes of the newest page, or of the buffer of a finite region.
    free: (usize, usize),
    /// Where the buffer of a finite region begins.
    buffer: usize,
    /// Bytes that are used and wasted in the pages before the newest one and in the runs.
    filled: (usize, usize),
    /// The values that are to be dropped, the newest last.
    dropping: Vec<u64>,
    /// What the region was when its open scopes were opened.
    marks: Vec<scopes::Mark>,
}

/// What an allocation must come to.
#[derive(Debug)]
enum Outcome {
    Here(usize),
    Pages(usize),
    Empty,
    Refused(Limit),
}

/// All regions of a pool, and every live allocation.
#[derive(Debug)]
pub(crate) struct Model {
    base: usize,
    in_use: Vec<bool>,
    counts: [Counts; NAMES.len()],
    regions: BTreeMap<Id, Expected>,
    next_id: Id,
    /// From the first byte to the end of each live allocation.
    live: BTreeMap<usize, usize>,
    /// How many pages are kept back.
    kept_back: usize,
    /// The values that were to be dropped by now and are not yet compared, in order.
    dropped: Vec<u64>,
}

impl Model {
    /// The model of a pool of `pages` pages from address `base` on.
    pub(crate) fn new(base: usize, pages: usize) -> Self {
        Self {
            base,
            in_use: vec![false; pages],
            counts: Default::default(),
            regions: BTreeMap::new(),
            next_id: 0,
            live: BTreeMap::new(),
            kept_back: 0,
            dropped: Vec::new(),
        }
    }

    /// A region is opened; `name` is a place in [`NAMES`].
    pub(crate) fn open(&mut self, name: usize, parent: Option<Id>, limits: Limits) -> Id {
        self.counts[name].opened += 1;
        self.counts[name].live += 1;
        self.insert(Some(name), parent, limits, (0, 0))
    }

    /// A region without pages is opened: finite, or a child of a finite one.
    pub(crate) fn open_finite(&mut self, buffer: (usize, usize)) -> Id {
        self.insert(None, None, Limits::default(), buffer)
    }

    fn insert(
        &mut self,
        name: Option<usize>,
        parent: Option<Id>,
        limits: Limits,
        free: (usize, usize),
    ) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        let region = Expected {
            name,
            parent,
            cap: limits.cap.map(|bytes| bytes.div_ceil(PAGE_SIZE)),
            reserve: limits.reserve,
            used: 0,
            pages: Vec::new(),
            runs: Vec::new(),
            free,
            buffer: free.0,
            filled: (0, 0),
            dropping: Vec::new(),
            marks: Vec::new(),
        };
        self.regions.insert(id, region);
        id
    }

    /// From now on so many pages are kept back.
    pub(crate) fn keep_back(&mut self, pages: usize) {
        self.kept_back = pages;
    }

    /// Whether the region can have pages.
    pub(crate) fn has_pages(&self, id: Id) -> bool {
        self.regions[&id].name.is_some()
    }

    fn ancestors(&self, id: Id) -> impl Iterator<Item = &Expected> {
        std::iter::successors(Some(&self.regions[&id]), |region| {
            region.parent.map(|parent| &self.regions[&parent])
        })
    }

    fn outcome(&self, id: Id, size: usize, align: usize) -> Outcome {
        let (next, end) = self.regions[&id].free;
        let place = next.next_multiple_of(align);
        if end != 0 && place.checked_add(size).is_some_and(|to| to <= end) {
            return Outcome::Here(place);
        }
        if size == 0 {
            return Outcome::Empty;
        }
        if size > LARGEST {
            return Outcome::Refused(Limit::Size);
        }
        let count = size.div_ceil(PAGE_SIZE).next_power_of_two();
        let fits = |region: &Expected| region.cap.is_none_or(|cap| region.used + count <= cap);
        if !self.has_pages(id) || !self.ancestors(id).all(fits) {
            return Outcome::Refused(Limit::Cap);
        }
        if self.has_run(count, self.regions[&id].reserve) {
            Outcome::Pages(count)
        } else {
            Outcome::Refused(Limit::Pool)
        }
    }

    /// Whether there are so many pages in a row, and they may be taken.
    fn has_run(&self, count: usize, reserve: bool) -> bool {
        let kept_back = if reserve { 0 } else { self.kept_back };
        // Runs begin at multiples of their size.
        self.free_pages() >= count + kept_back
            && self.in_use.chunks_exact(count).any(|run| !run.contains(&true))
    }

    /// An allocation was made at `address`.
    pub(crate) fn took(&mut self, id: Id, size: usize, align: usize, address: usize) {
        assert_eq!(address % align, 0, "alignment of {address:#x}");
        match self.outcome(id, size, align) {
            Outcome::Here(place) => {
                assert_eq!(address, place, "the next free place");
                self.region(id).free.0 = place + size;
            }
            Outcome::Pages(count) => {
                let first = self.take_pages(id, address, count);
                if count == 1 {
                    self.begin_page(id, first, size);
                } else {
                    self.region(id).runs.push((first, count));
                    self.fill(id, size, count * PAGE_SIZE - size);
                }
            }
            Outcome::Empty => {}
            outcome => panic!("{size} bytes should have been refused: {outcome:?}"),
        }
    }

    fn take_pages(&mut self, id: Id, address: usize, count: usize) -> usize {
        assert_eq!((address - self.base) % PAGE_SIZE, 0, "a page begins at {address:#x}");
        let first = (address - self.base) / PAGE_SIZE;
        for page in &mut self.in_use[first..first + count] {
            assert!(!std::mem::replace(page, true), "a page of {address:#x} is in use");
        }
        self.count(id, count as isize);
        if count > 1
            && let Some(name) = self.regions[&id].name
        {
            self.counts[name].large += 1;
        }
        first
    }

    /// A page becomes the newest one of the region; its first `size` bytes are an object.
    fn begin_page(&mut self, id: Id, page: usize, size: usize) {
        let start = self.base + page * PAGE_SIZE;
        let region = self.region(id);
        let (next, end) = std::mem::replace(&mut region.free, (start + size, start + PAGE_SIZE));
        region.pages.push(page);
        if region.pages.len() > 1 {
            self.fill(id, PAGE_SIZE - (end - next), end - next);
        }
    }

    /// More bytes of a region are in full pages and runs.
    fn fill(&mut self, id: Id, bytes: usize, waste: usize) {
        let region = self.region(id);
        region.filled = (region.filled.0 + bytes, region.filled.1 + waste);
        if let Some(name) = region.name {
            self.counts[name].bytes += bytes;
            self.counts[name].waste += waste;
        }
    }

    /// Fewer are.
    fn unfill(&mut self, id: Id, to: (usize, usize)) {
        let region = self.region(id);
        let (bytes, waste) = std::mem::replace(&mut region.filled, to);
        if let Some(name) = region.name {
            self.counts[name].bytes -= bytes - to.0;
            self.counts[name].waste -= waste - to.1;
        }
    }

    /// Adds pages to a region, to those that it is in, and to its name.
    fn count(&mut self, id: Id, pages: isize) {
        if let Some(name) = self.regions[&id].name {
            let counts = &mut self.counts[name];
            counts.pages = counts.pages.strict_add_signed(pages);
            counts.most_pages = counts.most_pages.max(counts.pages);
        }
        let mut next = Some(id);
        while let Some(id) = next {
            let region = self.region(id);
            region.used = region.used.strict_add_signed(pages);
            next = region.parent;
        }
    }

    fn region(&mut self, id: Id) -> &mut Expected {
        self.regions.get_mut(&id).expect("the region is open")
    }

    /// The first pages of an object whose layout the model does not know (beside a list, a header):
    /// `grown` pages more than before, and `address` is in the first of them.
    pub(crate) fn took_unknown(&mut self, id: Id, grown: usize, address: usize) {
        let page = address - (address - self.base) % PAGE_SIZE;
        if grown > 0 {
            let first = self.take_pages(id, page, grown);
            self.region(id).runs.push((first, grown));
        }
    }

    /// Whether `address` is in a page of the region.
    pub(crate) fn owns(&self, id: Id, address: usize) -> bool {
        let (region, page) = (&self.regions[&id], (address - self.base) / PAGE_SIZE);
        region.pages.contains(&page)
            || region.runs.iter().any(|&(first, count)| (first..first + count).contains(&page))
    }

    /// Of the newest allocation, which is from `start` to `end`, the bytes from `keep` on are given
    /// back, unless there is a newer one.
    pub(crate) fn give_back(&mut self, id: Id, page_end: usize, end: usize, keep: usize) {
        let free = &mut self.region(id).free;
        if *free == (end, page_end) {
            free.0 = keep;
        }
    }

    /// Where the page that is being filled ends.
    pub(crate) fn page_end(&self, id: Id) -> usize {
        self.regions[&id].free.1
    }

    /// The newest allocation was made longer where it stands.
    pub(crate) fn grew(&mut self, id: Id, end: usize, new_end: usize) {
        let free = &mut self.region(id).free;
        assert_eq!(free.0, end, "what grows in place is the newest");
        assert!(new_end <= free.1, "it ends inside its page");
        free.0 = new_end;
    }

    /// Whether the newest allocation, from `start` to `end`, can be made longer where it stands.
    #[cfg(feature = "allocator-api2")]
    pub(crate) fn can_grow(&self, id: Id, page_end: usize, end: usize, new_end: usize) -> bool {
        self.regions[&id].free == (end, page_end) && new_end <= page_end
    }

    fn free_pages(&self) -> usize {
        self.in_use.iter().filter(|&&in_use| !in_use).count()
    }
}
