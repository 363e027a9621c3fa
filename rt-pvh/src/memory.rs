//! The memory of the guest: its page tables, and the pool that all regions come from.

mod paging;
mod ram;

use core::{cell::OnceCell, fmt, mem::MaybeUninit, ops::Range, slice};

use rt_regions::{Pool, Region};
use x86_64::{
    PhysAddr,
    registers::control::{Cr3, Cr3Flags},
    structures::paging::PhysFrame,
};

use self::paging::{Access, OutOfTables, Tables};
pub use self::ram::Ram;
use crate::{
    layout::{EARLY_LIMIT, Layout, physical},
    one_cpu::OneCpu,
};

/// The end of usable memory: hosts and devices name a frame with 32 bits.
const LIMIT: u64 = 1 << (32 + 12);

static POOL: OneCpu<OnceCell<Pool<'static>>> = OneCpu(OnceCell::new());
// It is never dropped, and is all zeroes while it is empty, so it takes no room in the file.
static GLOBAL: OneCpu<OnceCell<MaybeUninit<Region<'static>>>> = OneCpu(OnceCell::new());

/// Why the memory cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The loader says that there is memory at the addresses of a device.
    Devices,
    /// There is no room for page tables below 1 GiB.
    Tables,
    /// There is no memory left after the image.
    Pool,
}

/// The memory of a running guest.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The pool of the largest piece.
    pub(crate) pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub(crate) global: &'static Region<'static>,
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
) -> Result<Memory, Unusable> {
    exclude(&mut ram, devices)?;
    ram.remove(0..layout.end());
    ram.remove(LIMIT..u64::MAX);
    let room = ram
        .take(Tables::pages_needed(layout, [ram.pieces(), devices]), EARLY_LIMIT)
        .ok_or(Unusable::Tables)?;
    // SAFETY: the pages are memory that nobody uses, taken out of `ram`, and the tables of the entry map
    // what is below their limit as it is.
    let tables = unsafe { Tables::new(room.clone()) };
    let tables = tables
        .and_then(|tables| map(tables, layout, [ram.pieces(), devices], room.clone()))
        .map_err(|_| Unusable::Tables)?;
    ram.add(tables.free());
    let root = PhysFrame::containing_address(PhysAddr::new_truncate(tables.root()));
    // From here on the tables are written by the processor alone, which goes by physical addresses.
    // SAFETY: the tables map all that the program uses, at the addresses where it was before.
    unsafe { Cr3::write(root, Cr3Flags::empty()) };

    let piece = ram.largest().ok_or(Unusable::Pool)?;
    let length = piece.end - piece.start;
    let start = physical::<MaybeUninit<u8>>(piece.start);
    // SAFETY: the piece is memory that nobody uses, mapped to be read and written; it needs no values.
    let memory = unsafe { slice::from_raw_parts_mut(start, length as usize) };
    let pool = POOL.0.get_or_init(|| Pool::new(memory));
    let global = GLOBAL.0.get_or_init(|| MaybeUninit::new(Region::new(pool, "global")));
    Ok(Memory {
        pool,
        // SAFETY: nobody else fills the cell, and here it is filled with a region.
        global: unsafe { global.assume_init_ref() },
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

/// Prints what the pool and its regions hold, one line each. It prints nothing if there is no pool yet.
pub(crate) fn report(mut print: impl FnMut(fmt::Arguments<'_>)) {
    let Some(pool) = POOL.0.get() else { return };
    pool.report(&mut print);
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
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
