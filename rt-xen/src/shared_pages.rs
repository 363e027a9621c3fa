//! The addresses where Xen puts pages that it shares with the guest.

use core::{ops::Range, ptr::NonNull};

use rt_pvh::physical;
use rt_regions::PAGE_SIZE;

const PAGE: u64 = PAGE_SIZE as u64;

/// Addresses at which a guest has no memory, for pages that Xen is asked to map: 512 pages, which are mapped readable
/// and writable. Xen keeps the memory of a guest below them (`HVM_BELOW_4G_RAM_END`).
const HOLE: Range<u64> = 0xf000_0000..0xf020_0000;

/// The numbers of the frames of the hole.
pub(crate) const HOLE_FRAMES: Range<u64> = HOLE.start / PAGE..HOLE.end / PAGE;

/// Addresses where Xen puts the pages that it shares with a guest from the beginning: the rings of the console and of
/// xenstore.
const SPECIAL_PAGES: Range<u64> = 0xfee0_0000..0xff00_0000;

/// What is mapped, and not used as memory.
pub(crate) const DEVICE_RANGES: [Range<u64>; 2] = [HOLE, SPECIAL_PAGES];

/// The page of a frame that Xen shares with the guest. Xen gives the frame's number (`HVM_PARAM_STORE_PFN`,
/// `HVM_PARAM_CONSOLE_PFN`), or was asked to map the page into [`HOLE`].
///
/// The result is `None` if no such page is mapped at the address.
pub(crate) fn shared_page(frame: u64) -> Option<NonNull<u8>> {
    let address = frame.checked_mul(PAGE)?;
    let is_there = HOLE.contains(&address) || SPECIAL_PAGES.contains(&address);
    is_there.then(|| NonNull::new(physical(address))).flatten()
}
