//! The memory of the guest: its page tables, and the pool that all regions come from.

mod devices;
mod own;
pub(crate) mod paging;
mod ram;

use core::{fmt, ops::Range};

use rt_regions::{Pool, Region};
use x86_64::{
    PhysAddr,
    registers::control::{Cr3, Cr3Flags},
    structures::paging::PhysFrame,
};

#[cfg(feature = "cores")]
pub(crate) use self::own::Own;
use self::paging::{Access, OutOfTables, Tables};
pub use self::{devices::DeviceRanges, ram::Ram};
use crate::layout::{EARLY_LIMIT, Layout};
#[cfg(feature = "cores")]
use crate::processors::{self, ROOM, Rooms};

/// The end of usable memory: hosts and devices name a frame with 32 bits.
const LIMIT: u64 = 1 << (32 + 12);

/// The least part of the memory that is a processor's own, in bytes.
#[cfg(feature = "cores")]
const LEAST_PART: u64 = 128 << 10;

/// Why the memory cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The loader says that there is memory at the addresses of a device.
    Devices,
    /// There is no room for page tables below 1 GiB.
    Tables,
    /// There is no memory left after the image.
    Pool,
    /// There is not enough memory for so many processors.
    #[cfg(feature = "cores")]
    Processors(usize),
}

/// The memory of a running guest.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The pool of the largest piece.
    pub(crate) pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub(crate) global: &'static Region<'static>,
    /// How many pages the pools of all processors have.
    pub(crate) pool_pages: usize,
    /// How many bytes the page tables take.
    pub(crate) tables: u64,
    /// How many bytes of other pieces are not used.
    pub(crate) unused: u64,
}

/// Sets up memory protection, and makes the pool from the largest piece that is left of `ram`. The addresses of
/// `devices` are mapped too.
///
/// # Safety
/// Called once, with the tables of the entry in use. `ram` is memory that is not used by anyone but the
/// image, whose layout is `layout`; what is in it is lost.
pub(crate) unsafe fn open(
    mut ram: Ram,
    layout: &Layout,
    devices: &[Range<u64>],
    #[cfg(feature = "cores")] processors: usize,
) -> Result<Memory, Unusable> {
    exclude(&mut ram, devices)?;
    ram.remove(0..layout.end());
    ram.remove(LIMIT..u64::MAX);
    #[cfg(feature = "cores")]
    let others = processors as u64 - 1;
    #[cfg(feature = "cores")]
    let rooms = {
        let pages = others * ROOM / rt_regions::PAGE_SIZE as u64;
        Rooms::new(ram.take(pages, EARLY_LIMIT).ok_or(Unusable::Processors(processors))?)
    };
    let needed = Tables::pages_needed(layout, [ram.pieces(), devices]);
    #[cfg(feature = "cores")]
    let needed = needed + rooms.tables_needed();
    let room = ram.take(needed, EARLY_LIMIT).ok_or(Unusable::Tables)?;
    // SAFETY: the pages are memory that nobody uses, taken out of `ram`, and the tables of the entry map
    // what is below their limit as it is.
    let tables = unsafe { Tables::new(room.clone()) };
    #[cfg(feature = "cores")]
    let tables = tables.and_then(|mut tables| rooms.map(&mut tables).map(|()| tables));
    let tables = tables
        .and_then(|tables| map(tables, layout, [ram.pieces(), devices], room.clone()))
        .map_err(|_| Unusable::Tables)?;
    // SAFETY: the rooms are memory that nobody uses, and with the tables of the entry all can be written.
    #[cfg(feature = "cores")]
    unsafe {
        rooms.write_tables();
    }
    ram.add(tables.free());
    let root = PhysFrame::containing_address(PhysAddr::new_truncate(tables.root()));
    // From here on the tables are written by the processor alone, which goes by physical addresses.
    // SAFETY: the tables map all that the program uses, at the addresses where it was before.
    unsafe { Cr3::write(root, Cr3Flags::empty()) };

    let piece = ram.largest().ok_or(Unusable::Pool)?;
    let length = piece.end - piece.start;
    #[cfg(feature = "cores")]
    let piece = {
        let pages = length / rt_regions::PAGE_SIZE as u64 / processors as u64;
        let part = pages * rt_regions::PAGE_SIZE as u64;
        if part < LEAST_PART {
            return Err(Unusable::Processors(processors));
        }
        let parts = (1..=others).map(|nth| piece.start + nth * part);
        // SAFETY: the rooms are mapped now, and the parts are memory that nobody uses.
        unsafe { processors::set(&rooms, tables.root(), parts.map(|start| start..start + part)) };
        piece.start..piece.start + part
    };
    // SAFETY: the piece is memory that nobody uses, mapped to be read and written.
    let (pool, global) = unsafe { own::of_this().open(piece) };
    #[cfg(feature = "cores")]
    let pool_pages = pool.pages() * processors;
    #[cfg(not(feature = "cores"))]
    let pool_pages = pool.pages();
    Ok(Memory {
        pool,
        global,
        pool_pages,
        tables: tables.free().start - room.start,
        unused: ram.bytes() - length,
    })
}

/// Checks that no address of a device is memory too: it would be mapped twice, and a write to memory would be one to a
/// device. The image is in memory.
fn exclude(ram: &mut Ram, devices: &[Range<u64>]) -> Result<(), Unusable> {
    let before = ram.bytes();
    for range in devices {
        ram.remove(range.clone());
    }
    if ram.bytes() == before { Ok(()) } else { Err(Unusable::Devices) }
}

/// Maps the image and the ranges of memory and of devices. The tables are in `room`, and are read-only; the rest of
/// `room` is memory.
fn map(
    mut tables: Tables,
    layout: &Layout,
    ranges: [&[Range<u64>]; 2],
    room: Range<u64>,
) -> Result<Tables, OutOfTables> {
    tables.map_image(layout)?;
    tables.map(room, Access::Read)?;
    for ranges in ranges {
        for range in ranges {
            tables.map(range.clone(), Access::Write)?;
        }
    }
    // The tables for these pages exist already.
    tables.map(tables.free(), Access::Write)?;
    Ok(tables)
}

/// Prints what the pool of this processor and its regions hold, one line each. It prints nothing if there is no pool yet.
pub(crate) fn report(mut print: impl FnMut(fmt::Arguments<'_>)) {
    let Some(pool) = own::of_this().pool() else { return };
    pool.report(&mut print);
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "cores")]
            Self::Processors(count) => {
                let least = LEAST_PART >> 10;
                return write!(
                    f,
                    "--cores={count}: not enough memory: each takes {least} KiB and a stack"
                );
            }
            Self::Devices => "memory at the addresses of devices",
            Self::Tables => "no memory below 1 GiB for page tables",
            Self::Pool => "no memory behind the image",
        })
    }
}

#[cfg(test)]
mod tests {
    use pvh::start_info::MemmapTableEntry;

    use super::*;

    #[test]
    fn a_device_is_not_in_memory() {
        let map = |addr, size, ty| MemmapTableEntry { addr, size, ty, reserved: 0 };
        // Memory is what nothing else contradicts: the last page is reserved.
        let ram = Ram::from_map(&[map(0, 8 << 20, 1), map((8 << 20) - 4096, 4096, 2)]);
        let memory_end = (8 << 20) - 4096;
        for (device, is_free) in [
            (memory_end..8 << 20, true),
            (0xfee0_0000..0xfef0_0000, true),
            (memory_end - 4096..8 << 20, false),
            (0x10_0000..0x10_1000, false),
            (0..u64::MAX, false),
        ] {
            let devices = [0xfee0_0000..0xfef0_0000, device.clone()];
            let expected = if is_free { Ok(()) } else { Err(Unusable::Devices) };
            assert_eq!(exclude(&mut ram.clone(), &devices), expected, "{device:x?}");
        }
    }
}
