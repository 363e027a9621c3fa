//! The functions of this crate for the fuzz targets: they read input from the loader and the operator. No program uses
//! them, and none of them is in an image.

use core::ops::Range;

use pvh::start_info::MemmapTableEntry;
use rt::Error;
use rt_regions::Region;

use crate::{
    arguments::Arguments,
    boot::start_info::{self, LONGEST},
    memory::Ram,
};

/// Parses the arguments of a command line into `region`.
///
/// # Errors
/// The line cannot be split into arguments.
pub fn arguments<'r>(
    line: &str,
    region: &'r Region<'_>,
) -> Result<impl Iterator<Item = &'r str>, Error> {
    Ok(Arguments::read(line, region)?.iter())
}

/// The longest command line in bytes.
pub const LONGEST_LINE: usize = LONGEST;

/// Copies the loader's command line, up to its zero byte, to `room`. Returns `None` if it is too long or not UTF-8.
pub fn command_line<'l>(loaded: &[u8], room: &'l mut [u8; LONGEST]) -> Option<&'l str> {
    let bytes = loaded.iter().copied().take_while(|&byte| byte != 0);
    let length = start_info::copy(bytes, room).ok()?;
    str::from_utf8(&room[..length]).ok()
}

/// The memory of a guest.
#[derive(Debug)]
pub struct Memory(Ram);

impl Memory {
    /// The memory in a map of entries, each with its address, size and type.
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

    /// Takes `pages` pages out of the memory below `limit`.
    pub fn take(&mut self, pages: u64, limit: u64) -> Option<Range<u64>> {
        self.0.take(pages, limit)
    }
}
