//! What the regions of a service hold, before and after.

use std::collections::BTreeMap;

use lab::soak::listing::Memory;

/// The regions of each core as they are now: what was the most is left out, because an attack may raise it.
pub(crate) fn held(memory: &Memory) -> Vec<BTreeMap<&str, (u64, u64)>> {
    memory.of_cores().map(held_by_core).collect()
}

fn held_by_core(memory: &Memory) -> BTreeMap<&str, (u64, u64)> {
    let regions = memory.regions.iter().map(|(name, held)| (&**name, (held.live, held.pages)));
    // A region that was never opened before is one that holds nothing.
    regions.filter(|(_, held)| *held != (0, 0)).collect()
}

/// How many pages of each core are in no region.
pub(crate) fn free(memory: &Memory) -> Vec<u64> {
    memory.of_cores().map(|memory| memory.free).collect()
}
