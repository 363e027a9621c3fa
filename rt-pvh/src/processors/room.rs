//! The rooms of the processors but the first: stacks, tables of segments, and their blocks.

use core::{fmt, ops::Range};

use rt_regions::PAGE_SIZE;

use super::Processor;
use crate::{
    exceptions,
    layout::physical,
    memory::paging::{Access, OutOfTables, Tables},
};

const PAGE: u64 = PAGE_SIZE as u64;

/// The pages of a room: the guard page, the stack, the stacks of exceptions as in the image, the tables of segments, the block.
const GUARD: u64 = PAGE;
const STACK: u64 = 24 * PAGE;
const EXCEPTION_STACKS: [u64; 3] = [2 * PAGE, PAGE, PAGE];
const BLOCK: u64 = (size_of::<Processor>() as u64).next_multiple_of(PAGE);
/// How many bytes a room has.
pub(crate) const ROOM: u64 = GUARD + STACK + 4 * PAGE + PAGE + BLOCK;

/// The room of a processor, by its address.
#[derive(Clone, Copy)]
pub(crate) struct Room(u64);

impl Room {
    /// The page that is not mapped. The stack grows down towards it.
    pub(crate) fn guard(self) -> Range<u64> {
        self.0..self.0 + GUARD
    }

    pub(crate) fn stack(self) -> Range<u64> {
        let start = self.guard().end;
        start..start + STACK
    }

    fn exception_stacks(self) -> Range<u64> {
        let start = self.stack().end;
        start..start + EXCEPTION_STACKS.iter().sum::<u64>()
    }

    /// The tables of segments, which the processor reads: one page.
    pub(crate) fn descriptors(self) -> Range<u64> {
        let start = self.exception_stacks().end;
        start..start + PAGE
    }

    /// The address of its block: the last pages.
    pub(crate) fn block(self) -> *mut Processor {
        physical(self.descriptors().end)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({:#x})", self.0)
    }
}

/// The rooms of all processors but the first, one behind the other.
#[derive(Clone, Debug)]
pub(crate) struct Rooms(Range<u64>);

impl Rooms {
    /// Those in `memory`.
    pub(crate) fn new(memory: Range<u64>) -> Self {
        Self(memory)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Room> + use<> {
        self.0.clone().step_by(ROOM as usize).map(Room)
    }

    /// How many tables they need beside those of the image and the memory: those of the last level, for the large pages that
    /// they touch, and one for each level above that may begin here.
    pub(crate) fn tables_needed(&self) -> u64 {
        const LARGE: u64 = 2 << 20;
        (self.0.end - self.0.start) / LARGE + 2 + 2
    }

    /// Maps them, each part with its access rights.
    pub(crate) fn map(&self, tables: &mut Tables) -> Result<(), OutOfTables> {
        for room in self.iter() {
            let (stacks, descriptors) = (room.stack(), room.descriptors());
            tables.map(stacks.start..descriptors.start, Access::Write)?;
            tables.map(descriptors.clone(), Access::Read)?;
            tables.map(descriptors.end..descriptors.end + BLOCK, Access::Write)?;
        }
        Ok(())
    }

    /// Writes the tables of segments of each.
    ///
    /// # Safety
    /// All of them can be written, and nobody uses them.
    pub(crate) unsafe fn write_tables(&self) {
        for room in self.iter() {
            let mut end = room.exception_stacks().start;
            let tops = EXCEPTION_STACKS.map(|size| {
                end += size;
                physical::<u8>(end).cast_const()
            });
            // SAFETY: the page is there for this alone.
            unsafe { exceptions::prepare(room.descriptors().start, tops) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_parts_of_a_room_lie_one_behind_the_other() {
        let rooms = Rooms::new(0x40_0000..0x40_0000 + 3 * ROOM);
        let all: Vec<_> = rooms.iter().collect();
        assert_eq!(all.len(), 3);
        for (room, next) in all.iter().zip(&all[1..]) {
            assert_eq!(room.guard().end, room.stack().start);
            assert_eq!(room.stack().end, room.exception_stacks().start);
            assert_eq!(room.exception_stacks().end, room.descriptors().start);
            assert_eq!(room.block().addr() as u64, room.descriptors().end);
            assert_eq!(room.descriptors().end + BLOCK, next.guard().start);
        }
    }
}
