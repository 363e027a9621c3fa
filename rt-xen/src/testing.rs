//! What the fuzz targets reach of this crate: what is read of what Xen, the loader and the operator say. No program
//! uses it, and nothing of it is in an image.

use core::ops::Range;

use pvh::start_info::MemmapTableEntry;
use rt_regions::Region;

pub use crate::xenstore::door::{Daemon, Rings, Store};
use crate::{
    Error,
    arguments::Arguments,
    boot::start_info::{self, LONGEST},
    memory::Ram,
};

/// The arguments that a command line has, in `region`.
///
/// # Errors
/// The line is no arguments.
pub fn arguments<'r>(
    line: &str,
    region: &'r Region<'_>,
) -> Result<impl Iterator<Item = &'r str>, Error> {
    Ok(Arguments::read(line, region)?.iter())
}

/// The longest command line in bytes.
pub const LONGEST_LINE: usize = LONGEST;

/// The command line that the loader left, up to its zero byte, copied to `room`; none if it is too long or not
/// UTF-8.
pub fn command_line<'l>(loaded: &[u8], room: &'l mut [u8; LONGEST]) -> Option<&'l str> {
    let bytes = loaded.iter().copied().take_while(|&byte| byte != 0);
    let length = start_info::copy(bytes, room).ok()?;
    str::from_utf8(&room[..length]).ok()
}

/// The memory of a guest.
#[derive(Debug)]
pub struct Memory(Ram);

impl Memory {
    /// What a map says: the address, size and type of each entry.
    pub fn of(map: &[(u64, u64, u32)]) -> Self {
        let mut entries = [MemmapTableEntry::default(); 32];
        let count = map.len().min(entries.len());
        for (entry, &(addr, size, ty)) in entries.iter_mut().zip(map) {
            *entry = MemmapTableEntry { addr, size, ty, reserved: 0 };
        }
        Self(Ram::from_map(&entries[..count]))
    }

    /// The pieces, lowest address first.
    pub fn pieces(&self) -> &[Range<u64>] {
        self.0.pieces()
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// Takes `pages` pages out, below `limit`.
    pub fn take(&mut self, pages: u64, limit: u64) -> Option<Range<u64>> {
        self.0.take(pages, limit)
    }
}
