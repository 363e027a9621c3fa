//! The memory of the guest: its page tables, and the pool that all regions come from.

mod paging;
mod ram;

use core::{cell::OnceCell, fmt, mem::MaybeUninit, ops::Range, ptr::NonNull, slice};

use rt_regions::{PAGE_SIZE, Pool, Region};
use x86_64::{
    PhysAddr,
    registers::control::{Cr3, Cr3Flags},
    structures::paging::PhysFrame,
};

use self::paging::{Access, OutOfTables, Tables};
pub(crate) use self::ram::Ram;
use crate::{
    layout::{EARLY_LIMIT, Layout, physical},
    one_cpu::OneCpu,
};

const PAGE: u64 = PAGE_SIZE as u64;

/// Addresses at which a guest has no memory, for pages that Xen is asked to map: 512 pages, which are mapped readable
/// and writable. Xen keeps the memory of a guest below them (`HVM_BELOW_4G_RAM_END`).
const HOLE: Range<u64> = 0xf000_0000..0xf020_0000;

/// The numbers of the frames of the hole.
pub(crate) const HOLE_FRAMES: Range<u64> = HOLE.start / PAGE..HOLE.end / PAGE;

/// Addresses where Xen puts the pages that it shares with a guest from the beginning: the rings of the console and of
/// xenstore.
const SPECIAL_PAGES: Range<u64> = 0xfee0_0000..0xff00_0000;

/// The end of usable memory: grants name a frame with 32 bits.
const LIMIT: u64 = 1 << (32 + 12);

static POOL: OneCpu<OnceCell<Pool<'static>>> = OneCpu(OnceCell::new());
// It is never dropped, and is all zeroes while it is empty, so it takes no room in the file.
static GLOBAL: OneCpu<OnceCell<MaybeUninit<Region<'static>>>> = OneCpu(OnceCell::new());

/// Why the guest has too little memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLittle {
    /// There is no room for page tables below 1 GiB.
    Tables,
    /// There is no memory left after the image.
    Pool,
}

/// The page of a frame that Xen shares with the guest. Xen gives the frame's number (`HVM_PARAM_STORE_PFN`,
/// `HVM_PARAM_CONSOLE_PFN`), or was asked to map the page into [`HOLE`].
///
/// The result is `None` if no such page is mapped at the address.
pub(crate) fn shared_page(frame: u64) -> Option<NonNull<u8>> {
    let address = frame.checked_mul(PAGE)?;
    let is_there = HOLE.contains(&address) || SPECIAL_PAGES.contains(&address);
    is_there.then(|| NonNull::new(physical(address))).flatten()
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

/// Sets up memory protection, and makes the pool from the largest piece that is left of `ram`.
///
/// # Safety
/// Called once, with the tables of the entry in use. `ram` is memory that is not used by anyone but the
/// image, whose layout is `layout`; what is in it is lost.
pub(crate) unsafe fn open(mut ram: Ram, layout: &Layout) -> Result<Memory, TooLittle> {
    ram.remove(0..layout.end());
    ram.remove(HOLE);
    ram.remove(SPECIAL_PAGES);
    ram.remove(LIMIT..u64::MAX);
    let room = ram
        .take(Tables::pages_needed(layout, ram.pieces()), EARLY_LIMIT)
        .ok_or(TooLittle::Tables)?;
    // SAFETY: the pages are memory that nobody uses, taken out of `ram`, and the tables of the entry map
    // what is below their limit as it is.
    let tables = unsafe { Tables::new(room.clone()) };
    let tables = tables
        .and_then(|tables| map(tables, layout, &ram, room.clone()))
        .map_err(|_| TooLittle::Tables)?;
    ram.add(tables.free());
    let root = PhysFrame::containing_address(PhysAddr::new_truncate(tables.root()));
    // From here on the tables are written by the processor alone, which goes by physical addresses.
    // SAFETY: the tables map all that the program uses, at the addresses where it was before.
    unsafe { Cr3::write(root, Cr3Flags::empty()) };

    let piece = ram.largest().ok_or(TooLittle::Pool)?;
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

/// Maps the image, the memory, and the pages that Xen shares. The tables are in `room`, and are read-only; the rest of
/// `room` is memory.
fn map(
    mut tables: Tables,
    layout: &Layout,
    ram: &Ram,
    room: Range<u64>,
) -> Result<Tables, OutOfTables> {
    tables.map_image(layout)?;
    tables.map(room, Access::Read)?;
    for ranges in [ram.pieces(), &[HOLE, SPECIAL_PAGES]] {
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

impl fmt::Display for TooLittle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tables => "no memory below 1 GiB for page tables",
            Self::Pool => "no memory behind the image",
        })
    }
}
