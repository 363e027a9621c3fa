//! Page tables: every address is a physical one, and no page is both writable and executable.
//!
//! The tables of a guest are read-only once they are in use: nothing is mapped later. The addresses of devices, and those
//! at which the host may put pages, are mapped from the beginning.

use core::ops::Range;

use rt_regions::PAGE_SIZE;
use x86_64::{
    PhysAddr,
    structures::paging::{PageTable, PageTableFlags},
};

use crate::layout::{Layout, physical};

const PAGE: u64 = PAGE_SIZE as u64;
/// The size in bytes of a large page, which one entry of the third table maps without a further table.
const LARGE: u64 = 2 << 20;

/// The program's access to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The program may read the page.
    Read,
    /// The program may read and write the page.
    Write,
    /// The program may read and execute the page.
    Execute,
}

/// There is no memory left for tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfTables;

/// Tables that are being built, or in use.
#[derive(Debug)]
pub(crate) struct Tables {
    /// The table of the fourth level.
    ///
    /// INVARIANT: this and every table that it leads to lie in the memory that [`new`](Self::new) was
    /// given, each used for one thing, at addresses that are physical as well.
    root: u64,
    /// The memory that is left for further tables, in whole pages.
    free: Range<u64>,
}

impl Tables {
    /// Tables that map nothing yet, made from the pages in `memory`.
    ///
    /// # Safety
    /// `memory` begins and ends on a page, can be read and written at its physical addresses, and belongs
    /// to the tables for as long as they are in use.
    pub(crate) unsafe fn new(memory: Range<u64>) -> Result<Self, OutOfTables> {
        let mut tables = Self { root: 0, free: memory };
        tables.root = tables.take()?;
        Ok(tables)
    }

    /// The address of the first table, for CR3.
    pub(crate) fn root(&self) -> u64 {
        self.root
    }

    /// The pages that no table has taken.
    pub(crate) fn free(&self) -> Range<u64> {
        self.free.clone()
    }

    /// No fewer pages than the tables of a guest with this image and these ranges of memory and of devices need. Two are
    /// for the upper levels; for each range, one for each GiB and one for each 512 GiB that it touches (of which there are no more),
    /// and one for each end that is not the end of a large page. The tables are mapped themselves, in small pages, which takes one more
    /// for each 512 of them, and one for the end.
    pub(crate) fn pages_needed(layout: &Layout, ranges: [&[Range<u64>]; 2]) -> u64 {
        const GIB: u64 = 1 << 30;
        let mut others = 2 + 1 + layout.end().div_ceil(LARGE);
        // Plain loops take much less room than iterators that are put together.
        for ranges in ranges {
            for range in ranges {
                others += (range.end - range.start) / GIB * 2 + 2 + 2 + 2;
            }
        }
        others + 1 + others / 256
    }

    /// Maps the image, each part with its own access rights. The guard page and page 0 are not mapped.
    pub(crate) fn map_image(&mut self, layout: &Layout) -> Result<(), OutOfTables> {
        for (range, access) in [
            (&layout.stack, Access::Write),
            (&layout.host_code, Access::Execute),
            (&layout.exception_stacks, Access::Write),
            (&layout.descriptors, Access::Read),
            (&layout.text, Access::Execute),
            (&layout.rodata, Access::Read),
            (&layout.data, Access::Write),
        ] {
            self.map(range.clone(), access)?;
        }
        Ok(())
    }

    /// Maps whole pages, with large pages if they fit and the access is `Write`. Pages that are mapped already as small
    /// pages are mapped again.
    pub(crate) fn map(&mut self, range: Range<u64>, access: Access) -> Result<(), OutOfTables> {
        let flags = PageTableFlags::PRESENT
            | match access {
                Access::Read => PageTableFlags::NO_EXECUTE,
                Access::Write => PageTableFlags::NO_EXECUTE | PageTableFlags::WRITABLE,
                Access::Execute => PageTableFlags::empty(),
            };
        let mut at = range.start;
        while at < range.end {
            let mut table = self.root;
            for level in [3, 2] {
                table = self.next(table, index(at, level))?;
            }
            let is_large =
                access == Access::Write && at.is_multiple_of(LARGE) && range.end - at >= LARGE;
            let (level, size, flags) = if is_large {
                (1, LARGE, flags | PageTableFlags::HUGE_PAGE)
            } else {
                table = self.next(table, index(at, 1))?;
                (0, PAGE, flags)
            };
            self.set(table, index(at, level), at, flags);
            at += size;
        }
        Ok(())
    }

    /// The table that an entry of a table points to. It is created if there is none.
    fn next(&mut self, table: u64, index: usize) -> Result<u64, OutOfTables> {
        // SAFETY: a table of ours, by the invariant of `root`; nobody else refers to it now.
        let entry = unsafe { &*physical::<PageTable>(table) }[index].clone();
        if entry.flags().contains(PageTableFlags::PRESENT) {
            assert!(!entry.flags().contains(PageTableFlags::HUGE_PAGE), "mapped twice");
            return Ok(entry.addr().as_u64());
        }
        let new = self.take()?;
        // The last table holds the access rights of a page.
        self.set(table, index, new, PageTableFlags::PRESENT | PageTableFlags::WRITABLE);
        Ok(new)
    }

    fn set(&mut self, table: u64, index: usize, address: u64, flags: PageTableFlags) {
        // SAFETY: a table of ours, by the invariant of `root`; nobody else refers to it now.
        let table = unsafe { &mut *physical::<PageTable>(table) };
        table[index].set_addr(PhysAddr::new_truncate(address), flags);
    }

    /// Takes a page for a table, and clears it.
    fn take(&mut self) -> Result<u64, OutOfTables> {
        let table = self.free.start;
        if table >= self.free.end {
            return Err(OutOfTables);
        }
        self.free.start += PAGE;
        // SAFETY: a page of the memory of the tables, which nothing uses yet.
        unsafe { physical::<PageTable>(table).write(PageTable::new()) };
        Ok(table)
    }
}

/// The index of the entry for an address in a table of this level (0 is the last).
fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * level) & 511) as usize
}

#[cfg(test)]
mod tests;
