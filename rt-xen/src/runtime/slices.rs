//! The slices of the grant table: each core has one, as large as the table of a guest with one processor, so that no two cores write
//! the same entries.

use core::{
    slice,
    sync::atomic::{AtomicUsize, Ordering},
};

use cores::MAX_CORES;
use rt_regions::PAGE_SIZE;

use super::GRANT_FRAMES;
use crate::{
    grants::{GrantEntry, Grants},
    operations::{MapSpace, Xen},
    shared_pages::{HOLE_FRAMES, shared_page},
};

/// The number of entries of a slice.
const ENTRIES: usize = GRANT_FRAMES as usize * PAGE_SIZE / size_of::<GrantEntry>();

/// How many slices there are, from the first one on.
///
/// INVARIANT: all their frames are mapped. It is written before other processors start.
static SLICES: AtomicUsize = AtomicUsize::new(1);

/// The frame of our memory where the slice of a core begins. That of `struct shared_info` is before the first.
fn first_frame(core: usize) -> u64 {
    const { assert!(GRANT_FRAMES * (MAX_CORES as u64) < HOLE_FRAMES.end - HOLE_FRAMES.start) };
    HOLE_FRAMES.start + 1 + core as u64 * GRANT_FRAMES
}

/// Asks Xen to map the slices of `processors` cores, but for the first one, which is mapped. Returns how many there are now: Xen
/// refuses more frames than the table of the domain may have (`max_grant_frames=`).
///
/// # Safety
/// Called once, by the first core: nothing is in the hole yet behind the slice of the first core.
pub(super) unsafe fn map(xen: Xen, processors: usize) -> usize {
    let is_mapped = |core: &usize| {
        let (first, place) = (*core as u64 * GRANT_FRAMES, first_frame(*core));
        (0..GRANT_FRAMES).all(|index| {
            // SAFETY: nothing is in the frame.
            unsafe { xen.add_to_physmap(MapSpace::GrantTable, first + index, place + index) }
                .is_ok()
        })
    };
    let slices = 1 + (1..processors.min(MAX_CORES)).take_while(is_mapped).count();
    SLICES.store(slices, Ordering::Release);
    slices
}

/// The grants of a core that is not the first; none are possible if it has no slice.
///
/// # Safety
/// Called once for each core: nobody else uses its slice.
pub(super) unsafe fn of(core: usize) -> Grants<'static> {
    let number = (core * ENTRIES) as u32;
    let has_one = (1..SLICES.load(Ordering::Acquire)).contains(&core);
    match shared_page(first_frame(core)).filter(|_| has_one) {
        None => Grants::slice(&[], number),
        Some(page) => {
            // SAFETY: by the invariant the pages are mapped, next to each other, as long as the guest runs, and full of such
            // entries, which are atomic.
            let entries = unsafe { slice::from_raw_parts(page.cast().as_ptr(), ENTRIES) };
            Grants::slice(entries, number)
        }
    }
}
