//! Steps with single pages, and what lives as long as a scope.

use std::alloc::Layout;

use rt_regions::{PAGE_SIZE, Scope};

use super::{
    Id, Machine, Open,
    expected::{NAMES, PAGE},
    held::{Held, What},
};

impl Machine<'_> {
    /// Takes a page and fills it.
    pub(crate) fn page<'r>(&mut self, open: &[Open<'r>]) -> Option<Held<'r>> {
        let pool = open[0].1.pool()?;
        match pool.page(NAMES[PAGE]) {
            Ok(page) => {
                self.model.took_page(page.as_ptr().addr().get());
                Some(Held::page(page, self.seed()))
            }
            Err(exhausted) => {
                self.model.refused_page(&exhausted);
                None
            }
        }
    }

    /// Lets a region adopt a page that is held.
    pub(crate) fn adopted<'r>(
        &mut self,
        (id, region): Open<'r>,
        held: &mut Vec<Held<'r>>,
    ) -> Option<Held<'r>> {
        let length = match self.program.below(4) {
            0 => PAGE_SIZE - 2 + self.program.below(4),
            _ => 16 * self.program.below(128),
        };
        let found = held.iter().position(|held| matches!(held.what, What::Page(_)))?;
        let Held { what: What::Page(page), seed } = held.swap_remove(found) else {
            unreachable!("a page was found")
        };
        let address = page.as_ptr().addr().get();
        // SAFETY: all of the page was written when it was taken, and nobody else has it.
        match unsafe { region.adopt(page, length) } {
            Ok(bytes) => {
                assert_eq!((bytes.as_ptr().addr(), bytes.len()), (address, length));
                self.model.adopted(id, address, length);
                self.model.claim(address, length);
                Some(Held { what: What::Bytes(bytes), seed })
            }
            Err(exhausted) => {
                self.model.refused_to_adopt(id, address, length, &exhausted);
                None
            }
        }
    }

    /// Allocates through a scope itself.
    pub(crate) fn keep<'s>(&mut self, id: Id, scope: &Scope<'s>) -> Option<Held<'s>> {
        let size = self.program.size();
        let layout = Layout::array::<u8>(size).ok()?;
        let result = scope.alloc_slice_with(size, |_| 0u8);
        let bytes = self.record((id, scope), layout, result, |bytes| bytes.as_ptr().addr())?;
        Some(Held::bytes(bytes, self.seed()))
    }
}
