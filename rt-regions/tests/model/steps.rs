//! The steps of a program: allocations of all kinds, and the end of what was allocated.

use std::{alloc::Layout, mem::MaybeUninit};

use rt_regions::{ChunkQueue, Exhausted, PAGE_SIZE, Region, RegionBox, RegionVec};

use super::{
    Machine, Open,
    expected::{Id, NAMES},
    held::{self, Held, What},
};

#[derive(Clone, Copy)]
#[repr(align(8))]
struct Eight([u8; 24]);

#[derive(Clone, Copy)]
#[repr(align(512))]
struct Wide([u8; 512]);

#[derive(Clone, Copy)]
#[repr(align(4096))]
struct Page([u8; PAGE_SIZE]);

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Nothing([u8; 0]);

impl Machine<'_> {
    pub(crate) fn step<'r>(&mut self, step: usize, open: &[Open<'r>], held: &mut Vec<Held<'r>>) {
        // Mostly the newest region.
        let back = self.program.below(8).saturating_sub(4) % open.len();
        let at @ (id, region) = open[open.len() - 1 - back];
        let any = if held.is_empty() { 0 } else { self.program.below(held.len().min(256)) };
        let new = match step {
            11..=14 => self.value(at),
            15..=17 => self.slice(at),
            18..=20 => self.words(at),
            21..=22 => self.text(at),
            23..=25 => self.fill(at),
            26..=27 => self.vector(at),
            28 => self.boxed(open),
            29..=30 => self.parcels(open),
            31..=32 => self.kept(open),
            33 => {
                self.too_large(at);
                None
            }
            34 => {
                let pages = self.program.below(16).saturating_sub(8);
                self.pool.keep_back(pages);
                self.model.keep_back(pages);
                None
            }
            35..=36 => self.dropped(at, step == 36),
            37..=38 => self.page(open),
            39..=40 => self.adopted(at, held),
            #[cfg(feature = "allocator-api2")]
            41..=43 => self.block(at),
            53..=56 => self.task(),
            52 => {
                self.panicking_closure(at);
                None
            }
            44..=51 if !held.is_empty() => {
                held.swap_remove(any).end(&mut self.model);
                None
            }
            _ => {
                // What grows or is used is more often found if we look on from the place chosen.
                if let Some(found) =
                    (any..held.len()).chain(0..any).find(|&one| held[one].is_open())
                {
                    self.use_again(&mut held[found]);
                } else if let Some(held) = held.get(any) {
                    held.verify(&self.model);
                }
                None
            }
        };
        self.model.check_region(id, region);
        held.extend(new);
    }

    /// Tells the model how an allocation went.
    pub(crate) fn record<T>(
        &mut self,
        (id, region): Open<'_>,
        layout: Layout,
        result: Result<T, Exhausted>,
        address: impl FnOnce(&T) -> usize,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                let address = address(&value);
                self.model.took(id, layout.size(), layout.align(), address);
                self.model.claim(address, layout.size());
                Some(value)
            }
            Err(exhausted) => {
                assert_eq!(exhausted.requested(), layout.size());
                self.model.refused(id, layout.align(), region.name(), &exhausted);
                None
            }
        }
    }

    fn value<'r>(&mut self, at: Open<'r>) -> Option<Held<'r>> {
        match self.program.below(16) {
            0 => self.value_of(at, Page([0; PAGE_SIZE]), |page| &mut page.0),
            1 => self.value_of(at, Nothing([]), |nothing| &mut nothing.0),
            2..=4 => self.value_of(at, Wide([0; 512]), |wide| &mut wide.0),
            5..=10 => self.value_of(at, Eight([0; 24]), |eight| &mut eight.0),
            _ => self.value_of(at, [0; 3], |three| three),
        }
    }

    fn value_of<'r, T: Copy + 'r>(
        &mut self,
        at: Open<'r>,
        value: T,
        bytes: impl FnOnce(&'r mut T) -> &'r mut [u8],
    ) -> Option<Held<'r>> {
        let result = at.1.alloc(value);
        let place = self
            .record(at, Layout::new::<T>(), result, |place| std::ptr::from_ref(&**place).addr());
        Some(Held::bytes(bytes(place?), self.seed()))
    }

    fn slice<'r>(&mut self, at: Open<'r>) -> Option<Held<'r>> {
        let size = self.program.size();
        let bytes = vec![0xa5; size];
        let result = at.1.alloc_slice(&bytes);
        let bytes =
            self.record(at, Layout::array::<u8>(size).ok()?, result, |bytes| bytes.as_ptr().addr());
        Some(Held::bytes(bytes?, self.seed()))
    }

    /// A slice whose elements are made by a closure that allocates in the same region.
    fn words<'r>(&mut self, at: Open<'r>) -> Option<Held<'r>> {
        let (length, inner) = (self.program.size() / 8, self.program.below(8));
        let seed = self.seed();
        let mut within = Vec::new();
        let result = at.1.alloc_slice_with(length, |index| {
            if index < inner {
                within.push(at.1.alloc_slice(&[0u8; 40]));
            }
            index as u64
        });
        let layout = Layout::array::<u64>(length).ok()?;
        let words = self.record(at, layout, result, |words| words.as_ptr().addr());
        // In the order in which they were asked for: the slice first.
        let mut inner = Vec::new();
        for result in within {
            let bytes = self.record(at, Layout::new::<[u8; 40]>(), result, |b| b.as_ptr().addr());
            inner.extend(bytes.map(|bytes| Held::bytes(bytes, seed)));
        }
        let words = words?;
        assert!(words.iter().enumerate().all(|(index, word)| *word == index as u64));
        let words = Held::words(words, seed);
        inner.into_iter().for_each(|inner| inner.end(&mut self.model));
        Some(words)
    }

    fn text<'r>(&mut self, at: Open<'r>) -> Option<Held<'r>> {
        let (length, seed) = (self.program.size(), self.seed());
        let text: String = (0..length).map(|index| char::from(held::letter(seed, index))).collect();
        let result = at.1.alloc_str(&text);
        let layout = Layout::array::<u8>(length).ok()?;
        let text = self.record(at, layout, result, |text| text.as_ptr().addr())?;
        Some(Held { what: What::Text(text), seed })
    }

    fn fill<'r>(&mut self, at @ (id, region): Open<'r>) -> Option<Held<'r>> {
        let (most, kept) = (self.program.size(), self.program.size());
        let kind = self.program.below(8);
        let (seed, mut start) = (self.seed(), 0);
        let result = region.fill(most, |buffer| {
            start = buffer.as_ptr().addr();
            self.model.took(id, most, 1, start);
            let page_end = self.model.page_end(id);
            if kind == 1 {
                let inner = region.alloc(Eight([7; 24]));
                self.record(at, Layout::new::<Eight>(), inner, |place| {
                    let address = std::ptr::from_ref(&**place).addr();
                    assert!(address >= start + most || address < start, "lent twice");
                    address
                })
                .inspect(|place| {
                    self.model.release(std::ptr::from_ref(&**place).addr(), size_of::<Eight>());
                });
            }
            let bytes = buffer.write_copy_of_slice(&vec![seed as u8; most]);
            let bytes = match kind {
                2 => None,
                3 => Some(&mut bytes[most.min(1)..]),
                _ => Some(&mut bytes[..kept.min(most)]),
            };
            (bytes, page_end)
        });
        let (bytes, page_end) = match result {
            Ok(filled) => filled,
            Err(exhausted) => {
                assert_eq!((start, exhausted.requested()), (0, most), "it was not called");
                self.model.refused(id, 1, region.name(), &exhausted);
                return None;
            }
        };
        assert_eq!(bytes.is_some(), kind != 2 && (kind != 3 || most == 0));
        let length = bytes.as_ref().map_or(0, |bytes| bytes.len());
        if most <= PAGE_SIZE {
            self.model.give_back(id, page_end, start + most, start + length);
        }
        let bytes = bytes?;
        assert_eq!(*bytes, *vec![seed as u8; length]);
        self.model.claim(start, length);
        Some(Held::bytes(bytes, seed))
    }

    fn vector<'r>(&mut self, at @ (id, region): Open<'r>) -> Option<Held<'r>> {
        let capacity = self.program.below(64);
        let seed = self.seed();
        let vec = if capacity < 32 {
            RegionVec::new(region)
        } else {
            let layout = Layout::array::<u16>(capacity).ok()?;
            let result = RegionVec::<u16>::with_capacity(capacity, region);
            self.record(at, layout, result, |vec| vec.as_ptr().addr())?
        };
        Some(Held { what: What::Vec(id, vec), seed })
    }

    fn boxed<'r>(&mut self, open: &[Open<'r>]) -> Option<Held<'r>> {
        const SIZE: usize = 300;
        let (id, region) = self.open_within(open, 3);
        let seed = self.seed();
        let value: [u8; SIZE] = std::array::from_fn(|index| held::byte(seed, index));
        let name = region.name();
        match RegionBox::new(region, value) {
            Ok(boxed) => {
                let boxed = boxed.unsize(|value| value as &mut [u8]);
                self.model.took(id, SIZE, 1, boxed.as_ptr().addr());
                self.model.claim(boxed.as_ptr().addr(), SIZE);
                Some(Held { what: What::Box(id, boxed), seed })
            }
            Err(exhausted) => {
                self.model.refused(id, 1, name, &exhausted);
                self.model.close(id);
                None
            }
        }
    }

    fn parcels<'r>(&mut self, open: &[Open<'r>]) -> Option<Held<'r>> {
        let (id, region) = self.open_within(open, 4);
        let seed = self.seed();
        let name = region.name();
        match ChunkQueue::new(region, u64::from(seed)) {
            Ok(parcels) => {
                let address = std::ptr::from_ref(parcels.value()).addr();
                self.model.took_unknown(id, parcels.pages(), address);
                Some(Held { what: What::ChunkQueue(id, parcels, Vec::new()), seed })
            }
            Err(exhausted) => {
                self.model.refused(id, 1, name, &exhausted);
                self.model.close(id);
                None
            }
        }
    }

    fn kept<'r>(&mut self, open: &[Open<'r>]) -> Option<Held<'r>> {
        let (id, region) = self.open_within(open, 5);
        Some(Held { what: What::Region(id, region, Vec::new()), seed: 0 })
    }

    /// A region that ends in any order with what else is held: a child, or one beside the others.
    fn open_within<'r>(&mut self, open: &[Open<'r>], name: usize) -> (Id, Region<'r>) {
        let limits = self.limits();
        let (outer, region) = open[open.len() - 1];
        let (parent, inner) = match open[0].1.pool() {
            Some(pool) if !self.model.has_pages(outer) || self.program.below(2) == 0 => {
                (None, Region::new(pool, NAMES[name]))
            }
            _ => (Some(outer), region.child(NAMES[name])),
        };
        (self.model.open(name, parent, limits), limits.set(inner))
    }

    fn too_large(&mut self, at @ (id, region): Open<'_>) {
        let size = 1024 * PAGE_SIZE + 1 + self.program.size();
        let result = region.alloc_uninit::<u8>(size);
        let layout = Layout::array::<u8>(size).expect("it is less than the address space");
        let lent = self.record(at, layout, result, |bytes| bytes.as_ptr().addr());
        assert!(lent.is_none());
        let refused = region.alloc_uninit::<u64>(usize::MAX).expect_err("more than there can be");
        self.model.refused(id, 1, region.name(), &refused);
    }

    fn use_again(&mut self, held: &mut Held<'_>) {
        let size = self.program.size();
        let kind = self.program.below(8);
        match &mut held.what {
            What::Vec(id, vec) => self.use_vector(*id, vec, held.seed, kind, size),
            What::ChunkQueue(id, parcels, pushed) => {
                let number = u32::from(self.seed());
                let bytes: Vec<u8> =
                    (0..size).map(|index| held::byte(number as u16, index)).collect();
                let before = parcels.pages();
                match parcels.push(number, &bytes) {
                    Ok(()) => {
                        let address = parcels.iter().last().expect("one").1.as_ptr().addr();
                        // The first byte may be the first of the next page: look at its header.
                        self.model.took_unknown(*id, parcels.pages() - before, address - 1);
                        self.model.claim(address, size);
                        pushed.push((number, size));
                    }
                    Err(exhausted) => {
                        self.model.refused(*id, 8, NAMES[4], &exhausted);
                    }
                }
            }
            What::Region(id, region, places) => {
                if kind == 0 {
                    places.drain(..).for_each(|(start, length)| self.model.release(start, length));
                    region.reset();
                    self.model.reset(*id);
                } else {
                    let result = region.alloc_uninit::<u8>(size);
                    let layout = Layout::array::<u8>(size).expect("it is small");
                    let bytes = self.record((*id, region), layout, result, |b| b.as_ptr().addr());
                    places.extend(bytes.map(|bytes: &mut [MaybeUninit<u8>]| {
                        bytes.fill(MaybeUninit::new(0x5a));
                        (bytes.as_ptr().addr(), size)
                    }));
                }
                self.model.check_region(*id, region);
            }
            What::Task(job) => self.use_task(job, held.seed, kind, size),
            #[cfg(feature = "allocator-api2")]
            What::Block(block) => self.use_block(block, held.seed, kind, size),
            _ => {}
        }
    }

    fn use_vector(
        &mut self,
        id: Id,
        vec: &mut RegionVec<'_, u16>,
        seed: u16,
        kind: usize,
        size: usize,
    ) {
        let (start, capacity, length) = (vec.as_ptr().addr(), vec.capacity(), vec.len());
        let result = match kind {
            0 => {
                let last = length.checked_sub(1).map(|last| held::number(seed, last));
                assert_eq!(vec.pop(), last);
                Ok(())
            }
            1 => {
                vec.truncate(size);
                assert_eq!(vec.len(), length.min(size));
                Ok(())
            }
            2..=4 => vec.push(held::number(seed, length)),
            _ => {
                let more: Vec<u16> =
                    (0..size).map(|index| held::number(seed, length + index)).collect();
                vec.extend_from_slice(&more)
            }
        };
        let (new_start, new_capacity) = (vec.as_ptr().addr(), vec.capacity());
        if let Err(exhausted) = result {
            assert_eq!((new_start, new_capacity, vec.len()), (start, capacity, length));
            self.model.refused(id, 2, exhausted.region, &exhausted);
        } else if new_capacity != capacity {
            assert!(new_capacity > capacity);
            self.model.release(start, capacity * 2);
            if new_start == start {
                self.model.grew(id, start + capacity * 2, start + new_capacity * 2);
            } else {
                self.model.took(id, new_capacity * 2, 2, new_start);
            }
            self.model.claim(new_start, new_capacity * 2);
        } else {
            assert_eq!(new_start, start);
        }
    }
}
