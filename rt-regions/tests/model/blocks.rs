//! Blocks that a collection of another crate allocates, grows, shrinks and gives back.

use std::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::Allocator;
use rt_regions::{PAGE_SIZE, Region};

use super::{
    Id, Machine, Open,
    expected::Model,
    held::{self, Held, What},
};

/// A block that was allocated and not yet given back.
pub(crate) struct Block<'r> {
    id: Id,
    region: &'r Region<'r>,
    place: NonNull<u8>,
    layout: Layout,
    /// The end of the page that it is in.
    page_end: usize,
}

impl Block<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the block has so many bytes, all written, and nobody else uses them.
        unsafe { std::slice::from_raw_parts(self.place.as_ptr(), self.layout.size()) }
    }

    fn fill(&mut self, from: usize, seed: u16) {
        for index in from..self.layout.size() {
            // SAFETY: inside the block.
            let place = unsafe { self.place.add(index) };
            // SAFETY: nobody else uses the block.
            unsafe { place.write(held::byte(seed, index)) };
        }
    }

    /// Where the block is.
    fn range(&self) -> (usize, usize) {
        let start = self.place.addr().get();
        (start, start + self.layout.size())
    }

    /// Gives it back.
    pub(crate) fn end(self, model: &mut Model) {
        let (start, end) = self.range();
        model.release(start, end - start);
        // SAFETY: allocated there, with this layout, and not used any more.
        unsafe { self.region.deallocate(self.place, self.layout) };
        if (1..=PAGE_SIZE).contains(&self.layout.size()) {
            model.give_back(self.id, self.page_end, end, start);
        }
    }
}

impl Machine<'_> {
    /// A layout whose size is that of the program's, or a little more.
    fn layout(&mut self, size: usize) -> Layout {
        let align = 1 << self.program.below(8);
        Layout::from_size_align(size, align).expect("it is small")
    }

    /// Allocates a block.
    pub(crate) fn block<'r>(&mut self, at @ (id, region): Open<'r>) -> Option<Held<'r>> {
        let size = self.program.size();
        let layout = self.layout(size);
        let place = self.allocated(at, layout, |region| region.allocate(layout).ok())?;
        let mut block = Block { id, region, place, layout, page_end: self.model.page_end(id) };
        let seed = self.seed();
        block.fill(0, seed);
        Some(Held { what: What::Block(block), seed })
    }

    /// Tells the model how an allocation went that has no error to look at.
    fn allocated<'r>(
        &mut self,
        (id, region): Open<'r>,
        layout: Layout,
        allocate: impl FnOnce(&'r Region<'r>) -> Option<NonNull<[u8]>>,
    ) -> Option<NonNull<u8>> {
        match allocate(region) {
            Some(block) => {
                assert_eq!(block.len(), layout.size());
                let place = block.cast::<u8>();
                self.model.took(id, layout.size(), layout.align(), place.addr().get());
                self.model.claim(place.addr().get(), layout.size());
                Some(place)
            }
            None => {
                self.model.refused_silently(id, layout);
                None
            }
        }
    }

    /// Grows or shrinks a block.
    pub(crate) fn use_block(&mut self, block: &mut Block<'_>, seed: u16, kind: usize, size: usize) {
        let Block { id, region, place, layout: old, page_end } = *block;
        let (start, end) = block.range();
        let grows = kind < 6;
        let size = if grows { old.size() + size } else { old.size().min(size) };
        let new = self.layout(size);
        let is_small = (1..=PAGE_SIZE).contains(&old.size());
        let stays = new.align() <= old.align()
            && (!grows || is_small && self.model.can_grow(id, page_end, end, start + size));
        let resize = |region: &Region<'_>| {
            if grows {
                // SAFETY: allocated there with the old layout, and the new size is not smaller.
                unsafe { region.grow(place, old, new) }
            } else {
                // SAFETY: allocated there with the old layout, and the new size is not larger.
                unsafe { region.shrink(place, old, new) }
            }
        };
        if stays {
            let resized = resize(region).expect("it needs no room that is not there");
            assert_eq!((resized.cast(), resized.len()), (place, size));
            self.model.release(start, end - start);
            if grows {
                self.model.grew(id, end, start + size);
            } else if is_small {
                self.model.give_back(id, page_end, end, start + size);
            }
            self.model.claim(start, size);
        } else if let Some(new_place) =
            self.allocated((id, region), new, |region| resize(region).ok())
        {
            self.model.release(start, end - start);
            (block.place, block.page_end) = (new_place, self.model.page_end(id));
            if !grows && is_small {
                self.model.give_back(id, page_end, end, start);
            }
        } else {
            return;
        }
        block.layout = new;
        if grows {
            block.fill(old.size(), seed);
        }
    }
}
