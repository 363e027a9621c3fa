//! The information from the loader: the command line and the memory map (`arch-x86/hvm/start_info.h`).
//!
//! A loader may put it anywhere below 4 GiB, also where the program, its variables or its stack are going to be. So the
//! entry copies all of it to [`Saved`], before it writes to any other memory.

use core::{arch::global_asm, cell::OnceCell, fmt};

use pvh::start_info::{MemmapTableEntry, START_MAGIC_VALUE, StartInfo};

use crate::{memory::Ram, one_cpu::OneCpu};

/// The longest command line, in bytes.
pub(crate) const LONGEST: usize = 2048;
/// The most entries of a memory map. Loaders give fewer than 20.
pub(super) const MOST_ENTRIES: usize = 64;

static COMMAND_LINE: OneCpu<OnceCell<([u8; LONGEST], usize)>> = OneCpu(OnceCell::new());

/// What the loader has left, as the entry saves it.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Saved {
    /// The structure. Its addresses are still those of the loader.
    pub(super) info: StartInfo,
    /// The first entries of the memory map.
    pub(super) map: [MemmapTableEntry; MOST_ENTRIES],
    /// The command line with its zero byte, or the beginning of a line that is too long.
    pub(super) line: [u8; LONGEST + 1],
}

// Behind the code of the entry, where the loader puts nothing else. The room is not in the file, and is free memory
// once the program runs.
global_asm!(
    ".pushsection .boot_room, \"aw\", @nobits",
    ".balign 8",
    ".globl letregion_saved",
    "letregion_saved:",
    ".skip {size}",
    ".popsection",
    size = const size_of::<Saved>(),
);

unsafe extern "C" {
    pub(super) static letregion_saved: Saved;
}

/// A command line that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCommandLine {
    /// The command line is longer than this many bytes.
    TooLong(usize),
    /// The byte at this position does not belong to a character.
    NotUtf8(usize),
}

/// What the loader has left, or `None` if it is not `hvm_start_info`.
///
/// # Safety
/// The entry has filled it, and the memory behind the loaded program has not been used since.
pub(super) unsafe fn saved() -> Option<&'static Saved> {
    // SAFETY: it is there, as the caller promises, and any bytes are one.
    let saved = unsafe { &letregion_saved };
    (saved.info.magic == START_MAGIC_VALUE).then_some(saved)
}

impl Saved {
    /// Copies the command line to its final place.
    pub(super) fn command_line(&self) -> Result<&'static str, BadCommandLine> {
        if self.info.cmdline_paddr == 0 {
            return Ok("");
        }
        let bytes = self.line.iter().copied().take_while(|&byte| byte != 0);
        let mut line = [0; LONGEST];
        let length = copy(bytes, &mut line)?;
        let (line, length) = COMMAND_LINE.0.get_or_init(|| (line, length));
        str::from_utf8(&line[..*length])
            .map_err(|error| BadCommandLine::NotUtf8(error.valid_up_to()))
    }

    /// The memory of the guest in the loader's memory map, or `None` if there is no map, or one of more than
    /// [`MOST_ENTRIES`].
    pub(super) fn ram(&self) -> Option<Ram> {
        let entries = self.info.memmap_entries as usize;
        if self.info.version == 0 || entries == 0 {
            return None;
        }
        Some(Ram::from_map(self.map.get(..entries)?))
    }
}

/// Copies a command line without its terminating zero byte; returns its length.
pub(crate) fn copy(
    bytes: impl Iterator<Item = u8>,
    line: &mut [u8; LONGEST],
) -> Result<usize, BadCommandLine> {
    let mut length = 0;
    for byte in bytes {
        *line.get_mut(length).ok_or(BadCommandLine::TooLong(LONGEST))? = byte;
        length += 1;
    }
    Ok(length)
}

impl fmt::Display for BadCommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(longest) => {
                write!(f, "the command line is longer than {longest} bytes")
            }
            Self::NotUtf8(at) => write!(f, "the command line is not UTF-8 from byte {at} on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, string::ToString as _};

    use super::*;

    /// What is saved of a loader that gives this line, and of its map these entries.
    fn saved(line: &[u8], map: &[MemmapTableEntry]) -> Box<Saved> {
        let (cmdline_paddr, memmap_paddr) = (0x2_0000, 0x7000);
        let memmap_entries = map.len() as u32;
        let mut saved = Box::new(Saved {
            info: StartInfo {
                cmdline_paddr,
                memmap_paddr,
                memmap_entries,
                version: 1,
                ..StartInfo::default()
            },
            map: [MemmapTableEntry::default(); MOST_ENTRIES],
            line: [0; LONGEST + 1],
        });
        saved.map.iter_mut().zip(map).for_each(|(place, entry)| *place = *entry);
        saved.line.iter_mut().zip(line).for_each(|(place, byte)| *place = *byte);
        saved
    }

    // One test: the line is copied to one place, once.
    #[test]
    fn a_command_line_is_copied_or_refused_in_words() {
        let error = saved(&[b'x'; LONGEST + 1], &[]).command_line().unwrap_err();
        assert_eq!(error.to_string(), "the command line is longer than 2048 bytes");
        let mut none = saved(b"what is not there", &[]);
        none.info.cmdline_paddr = 0;
        assert_eq!(none.command_line(), Ok(""));
        let mut saved = saved(b"--ipv4=10.0.0.2/24\0--", &[]);
        let copied = saved.command_line();
        saved.line.fill(b'x');
        assert_eq!(copied, Ok("--ipv4=10.0.0.2/24"));
    }

    #[test]
    fn the_map_of_the_loader_is_read_if_all_of_it_is_there() {
        let map = [
            MemmapTableEntry { addr: 0, size: 2 << 20, ty: 1, reserved: 0 },
            MemmapTableEntry { addr: 0xfeff_8000, size: 0x8000, ty: 2, reserved: 0 },
        ];
        let ram = saved(b"", &map).ram().unwrap();
        assert_eq!((ram.pieces().len(), ram.bytes()), (1, 2 << 20));
        let mut old = saved(b"", &map);
        old.info.version = 0;
        let too_long = saved(b"", &[map[0]; MOST_ENTRIES + 1]);
        for bad in [old, saved(b"", &[]), too_long] {
            assert!(bad.ram().is_none());
        }
        assert_eq!(saved(b"", &[map[0]; MOST_ENTRIES]).ram().unwrap().bytes(), 2 << 20);
    }
}
