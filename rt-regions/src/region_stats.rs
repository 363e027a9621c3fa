//! Counters of regions, by name. They are exact, always present, and written only when a region takes or
//! gives back pages.

use core::{cell::Cell, fmt, panic::Location};

use crate::size::PAGE_SIZE;

/// How many names a pool tells apart; regions of further names are counted together.
const NAMES: usize = 48;

/// Who asks for peaks. Each reader sees all of them.
#[cfg(any(feature = "profile", feature = "history"))]
#[derive(Clone, Copy)]
pub(crate) enum PeakReader {
    #[cfg(feature = "profile")]
    Profile,
    #[cfg(feature = "history")]
    History,
}

/// How many readers of peaks there are at most.
#[cfg(feature = "history")]
const READERS: usize = 2;

/// Bytes of whole pages: those that were asked for, and those that were not.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct Filled {
    pub(crate) bytes: usize,
    pub(crate) waste: usize,
}

/// The counters of all the regions of one name.
pub struct RegionStats {
    name: Cell<&'static str>,
    place: Cell<Option<&'static Location<'static>>>,
    opened: Cell<u64>,
    live: Cell<u32>,
    pages: Cell<u32>,
    /// The most pages since the last sample of a profile.
    peak: Cell<u32>,
    /// The most pages before it.
    peak_before: Cell<u32>,
    /// The most pages since each reader of peaks last asked, of those that another reader has taken.
    // Not for the profiler alone, which leaves each field of a pool where it is without it.
    #[cfg(feature = "history")]
    unread: [Cell<u32>; READERS],
    resets: Cell<u64>,
    refused: Cell<u64>,
    filled: Cell<usize>,
    waste: Cell<usize>,
    large: Cell<u64>,
}

impl RegionStats {
    const fn empty() -> Self {
        Self {
            name: Cell::new("(others)"),
            place: Cell::new(None),
            opened: Cell::new(0),
            live: Cell::new(0),
            pages: Cell::new(0),
            peak: Cell::new(0),
            peak_before: Cell::new(0),
            #[cfg(feature = "history")]
            unread: [const { Cell::new(0) }; READERS],
            resets: Cell::new(0),
            refused: Cell::new(0),
            filled: Cell::new(0),
            waste: Cell::new(0),
            large: Cell::new(0),
        }
    }

    /// The name that the regions were opened with.
    pub fn name(&self) -> &'static str {
        self.name.get()
    }

    /// The place in the source that first opened a region of this name.
    pub fn place(&self) -> Option<&'static Location<'static>> {
        self.place.get()
    }

    /// How many regions of this name were ever opened; a [`Page`](crate::Page) counts as one,
    /// and so do [`Slabs`](crate::Slabs).
    pub fn opened(&self) -> u64 {
        self.opened.get()
    }

    /// How many regions of this name are open; a [`Page`](crate::Page) counts as one, and so
    /// do [`Slabs`](crate::Slabs).
    pub fn live(&self) -> usize {
        self.live.get() as usize
    }

    /// How many pages they hold now.
    pub fn pages(&self) -> usize {
        self.pages.get() as usize
    }

    /// The most pages that they ever held together.
    pub fn most_pages(&self) -> usize {
        self.peak.get().max(self.peak_before.get()) as usize
    }

    /// The most pages that they held together since `reader` last asked.
    #[cfg(any(feature = "profile", feature = "history"))]
    pub(crate) fn take_peak(&self, reader: PeakReader) -> u32 {
        let peak = self.peak.replace(self.pages.get());
        self.peak_before.set(self.peak_before.get().max(peak));
        #[cfg(feature = "history")]
        let peak = {
            for unread in &self.unread {
                unread.set(unread.get().max(peak));
            }
            self.unread[reader as usize].take()
        };
        let _ = reader;
        peak
    }

    /// How many times one of them was reset.
    pub fn resets(&self) -> u64 {
        self.resets.get()
    }

    /// How many allocations were refused for want of room.
    pub fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// How many bytes the open regions have allocated in their runs and in the pages before the one
    /// that each is filling.
    pub fn bytes(&self) -> usize {
        self.filled.get()
    }

    /// How many bytes of these pages and runs are not used: the rest of a page when the next object did not
    /// fit, and the part of a run beyond its object.
    pub fn waste(&self) -> usize {
        self.waste.get()
    }

    /// How many large objects, which are runs of pages, were ever allocated.
    pub fn large_objects(&self) -> u64 {
        self.large.get()
    }

    pub(crate) fn fill(&self, before: Filled, now: Filled) {
        self.filled.set(self.filled.get() - before.bytes + now.bytes);
        self.waste.set(self.waste.get() - before.waste + now.waste);
    }

    pub(crate) fn open(&self) {
        self.opened.set(self.opened.get() + 1);
        self.live.set(self.live.get() + 1);
    }

    pub(crate) fn close(&self) {
        self.live.set(self.live.get() - 1);
    }

    pub(crate) fn take(&self, pages: u32) {
        if pages > 1 {
            self.large.set(self.large.get() + 1);
        }
        let now = self.pages.get() + pages;
        self.pages.set(now);
        if now > self.peak.get() {
            self.peak.set(now);
        }
    }

    pub(crate) fn give(&self, pages: u32) {
        self.pages.set(self.pages.get() - pages);
    }

    pub(crate) fn reset(&self) {
        self.resets.set(self.resets.get() + 1);
    }

    pub(crate) fn refuse(&self) {
        self.refused.set(self.refused.get() + 1);
    }
}

impl fmt::Debug for RegionStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One line: the counters, then the name and the place in the source.
impl fmt::Display for RegionStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<16} opened {} live {} pages {} most {} ({} KiB) resets {} refused {} large {}",
            self.name(),
            self.opened(),
            self.live(),
            self.pages(),
            self.most_pages(),
            self.most_pages() * PAGE_SIZE / 1024,
            self.resets(),
            self.refused(),
            self.large_objects(),
        )?;
        match self.place() {
            Some(place) => write!(f, " at {}:{}", place.file(), u64::from(place.line())),
            None => Ok(()),
        }
    }
}

/// How many names are found at once; a power of two.
const RECENT: usize = 32;

/// The labels of a pool. The last one is shared by all the names that found no place.
pub(crate) struct Labels {
    labels: [RegionStats; NAMES],
    /// Names that were looked up, each in the place that its address gives it, and the indices of
    /// their labels.
    recent: [Cell<(&'static str, u8)>; RECENT],
}

impl Labels {
    pub(crate) const fn new() -> Self {
        Self {
            labels: [const { RegionStats::empty() }; NAMES],
            recent: [const { Cell::new(("", NAMES as u8 - 1)) }; RECENT],
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RegionStats> {
        let (others, labels) = self.labels.split_last().unwrap_or((&self.labels[0], &[]));
        let is_used = others.opened.get() > 0 || others.refused.get() > 0;
        let used = labels.iter().take_while(|label| label.place.get().is_some());
        used.chain(is_used.then_some(others))
    }

    /// The index of one of these labels, in the order of [`iter`](Self::iter).
    #[cfg(feature = "owners")]
    pub(crate) fn index(&self, label: &RegionStats) -> usize {
        let offset = (&raw const *label).addr().wrapping_sub(self.labels.as_ptr().addr());
        offset / size_of::<RegionStats>()
    }

    #[inline]
    pub(crate) fn find(
        &self,
        name: &'static str,
        place: &'static Location<'static>,
    ) -> &RegionStats {
        // Neighbouring names get different places: Knuth's multiplicative hash.
        let hash = (name.as_ptr().addr() as u32).wrapping_mul(0x9e37_79b9);
        let recent = &self.recent[(hash >> (32 - RECENT.ilog2())) as usize];
        let (known, index) = recent.get();
        let index = if core::ptr::eq(known, name) {
            index
        } else {
            let index = self.find_slowly(name, place);
            recent.set((name, index));
            index
        };
        &self.labels[usize::from(index)]
    }

    /// A name may stand at several addresses: compare the words before giving it a place.
    #[cold]
    fn find_slowly(&self, name: &'static str, place: &'static Location<'static>) -> u8 {
        let known = &self.labels[..NAMES - 1];
        let by_address = |label: &RegionStats| core::ptr::eq(label.name(), name);
        let by_words = |label: &RegionStats| label.place().is_none() || label.name() == name;
        let used = known.iter().take_while(|label| label.place().is_some());
        let found = used.clone().position(by_address).or_else(|| known.iter().position(by_words));
        let index = found.unwrap_or(NAMES - 1);
        let label = &self.labels[index];
        if index < NAMES - 1 && label.place().is_none() {
            label.name.set(name);
            label.place.set(Some(place));
        }
        index as u8
    }
}
