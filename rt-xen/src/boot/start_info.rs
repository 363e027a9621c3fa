//! The information from the loader: the command line and the memory map (`arch-x86/hvm/start_info.h`).

use core::{cell::OnceCell, fmt, slice};

use pvh::start_info::{MemmapTableEntry, StartInfo};

use crate::{layout::physical, memory::Ram, one_cpu::OneCpu};

/// The longest command line, in bytes.
pub(crate) const LONGEST: usize = 2048;

static COMMAND_LINE: OneCpu<OnceCell<([u8; LONGEST], usize)>> = OneCpu(OnceCell::new());

/// A command line that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCommandLine {
    /// The command line is longer than this many bytes.
    TooLong(usize),
    /// The byte at this position does not belong to a character.
    NotUtf8(usize),
}

/// Copies the command line to its final place. The memory where the loader put it is free afterwards.
///
/// # Safety
/// The loader's data is still there, and can be read at its physical addresses.
pub(super) unsafe fn command_line(info: &StartInfo) -> Result<&'static str, BadCommandLine> {
    if info.cmdline_paddr == 0 {
        return Ok("");
    }
    // SAFETY: the line ends with a zero byte, and nothing behind that byte is read.
    let byte = |address| unsafe { *physical::<u8>(address) };
    let bytes = (info.cmdline_paddr..).map(byte).take_while(|&byte| byte != 0);
    let mut line = [0; LONGEST];
    let length = copy(bytes, &mut line)?;
    let (line, length) = COMMAND_LINE.0.get_or_init(|| (line, length));
    str::from_utf8(&line[..*length]).map_err(|error| BadCommandLine::NotUtf8(error.valid_up_to()))
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

/// The memory of the guest in the loader's memory map, or `None` if the loader gives no map.
///
/// # Safety
/// As for [`command_line`].
pub(super) unsafe fn ram(info: &StartInfo) -> Option<Ram> {
    if info.version == 0 || info.memmap_entries == 0 {
        return None;
    }
    let start = physical::<MemmapTableEntry>(info.memmap_paddr);
    // SAFETY: so many entries stand there, says the loader.
    let map = unsafe { slice::from_raw_parts(start, info.memmap_entries as usize) };
    Some(Ram::from_map(map))
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
    use std::{string::ToString, vec::Vec};

    use super::*;

    fn info(line: &[u8]) -> StartInfo {
        let cmdline_paddr = line.as_ptr().expose_provenance() as u64;
        StartInfo { cmdline_paddr, version: 1, ..StartInfo::default() }
    }

    // One test: the line is copied to one place, once.
    #[test]
    fn a_command_line_is_copied_or_refused_in_words() {
        let long: Vec<u8> = [b'x'; LONGEST + 1].into_iter().chain([0]).collect();
        // SAFETY: a line that ends with a zero byte.
        let error = unsafe { command_line(&info(&long)) }.unwrap_err();
        assert_eq!(error.to_string(), "the command line is longer than 2048 bytes");
        // SAFETY: no line at all.
        assert_eq!(unsafe { command_line(&StartInfo::default()) }, Ok(""));
        let mut line = *b"--ipv4=10.0.0.2/24\0--";
        // SAFETY: a line that ends with a zero byte.
        let copied = unsafe { command_line(&info(&line)) };
        line.fill(b'x');
        assert_eq!(copied, Ok("--ipv4=10.0.0.2/24"));
    }

    #[test]
    fn the_map_of_the_loader_is_read() {
        let map = [
            MemmapTableEntry { addr: 0, size: 2 << 20, ty: 1, reserved: 0 },
            MemmapTableEntry { addr: 0xfeff_8000, size: 0x8000, ty: 2, reserved: 0 },
        ];
        let memmap_paddr = map.as_ptr().expose_provenance() as u64;
        let info =
            StartInfo { memmap_paddr, memmap_entries: 2, version: 1, ..StartInfo::default() };
        // SAFETY: the map is there.
        let ram = unsafe { ram(&info) }.unwrap();
        assert_eq!((ram.pieces().len(), ram.bytes()), (1, 2 << 20));
    }
}
