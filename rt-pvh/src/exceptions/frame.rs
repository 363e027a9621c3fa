//! The processor's information about an exception, and its description in words.

use core::fmt;

use layer::split::split;
use rt_regions::PAGE_SIZE;

use crate::layout::Layout;

/// The registers at the time of the exception, as the entries push them: the general registers, the number of the
/// exception, its error code or 0, and the words that the processor pushes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub(crate) struct Frame([u64; 22]);

/// The indices of the words in a [`Frame`].
pub(super) const VECTOR: usize = 15;
const ERROR: usize = 16;
const RSP: usize = 20;
/// The word after those of the [`Frame`]: the address that was accessed.
const CR2: usize = 22;

/// The registers in the order in which they are shown: names of four characters, and their words.
const NAMES: &str =
    "rip rsp flg err rax rbx rcx rdx rsi rdi rbp r8  r9  r10 r11 r12 r13 r14 r15 cr2 cs  ss  ";
const WORDS: &[u8; 22] =
    &[17, 20, 19, 16, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, CR2 as u8, 18, 21];

impl Frame {
    /// The number of the exception.
    pub(super) fn vector(&self) -> u64 {
        self.0[VECTOR]
    }

    /// Its error code, or 0.
    fn error(&self) -> u64 {
        self.0[ERROR]
    }

    /// The stack pointer.
    pub(super) fn rsp(&self) -> u64 {
        self.0[RSP]
    }
}

/// The vectors that have descriptions of their own (Intel SDM volume 3, table 6-1).
pub(super) const NON_MASKABLE_INTERRUPT: u64 = 2;
pub(super) const DOUBLE_FAULT: u64 = 8;
pub(super) const PAGE_FAULT: u64 = 14;
pub(super) const MACHINE_CHECK: u64 = 18;

/// The error code of a page fault (volume 3, figure 4-12).
const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const FETCH: u64 = 1 << 4;

/// An exception, with the data that is needed to describe its most likely cause.
#[derive(Debug)]
pub(super) struct Exception<'a> {
    pub(super) frame: &'a Frame,
    /// The address that was accessed, if it is a page fault (CR2).
    pub(super) address: u64,
    pub(super) layout: &'a Layout,
}

impl Exception<'_> {
    /// The most likely cause, if the name does not include it; empty if it is unknown.
    pub(super) fn guess(&self) -> &'static str {
        let Self { frame, address, layout } = self;
        let off_the_stack = frame.rsp() < layout.stack.start;
        match frame.vector() {
            PAGE_FAULT if layout.stack_guard.contains(address) => {
                "stack overflow: the guard page of the stack"
            }
            PAGE_FAULT if *address < layout.stack_guard.start && off_the_stack => {
                "stack overflow: beyond the guard page of the stack"
            }
            PAGE_FAULT if *address < PAGE_SIZE as u64 => "null pointer",
            PAGE_FAULT if frame.error() & PRESENT == 0 => "nothing is mapped there",
            PAGE_FAULT if frame.error() & FETCH != 0 => "data is not executed",
            PAGE_FAULT if layout.rodata.contains(address) => "constants are not written to",
            PAGE_FAULT if layout.descriptors.contains(address) => {
                "descriptor tables are not written to"
            }
            #[cfg(feature = "cores")]
            PAGE_FAULT if layout.own_descriptors.contains(address) => {
                "descriptor tables are not written to"
            }
            PAGE_FAULT if layout.text.contains(address) || layout.host_code.contains(address) => {
                "the program is not written to"
            }
            // Only the page tables are read-only here.
            PAGE_FAULT => "page tables are not written to",
            DOUBLE_FAULT if off_the_stack => "stack overflow",
            _ => "",
        }
    }
}

/// The name of an exception, and its most likely cause if there is only one.
fn name(vector: u64) -> &'static str {
    // They are one text, because a table of them would be larger.
    const NAMES: &str = "divide error: division by zero, or a result that is too large\n\
        debug exception\n\
        non-maskable interrupt: somebody asked for it\n\
        breakpoint\n\
        overflow\n\
        bound range exceeded\n\
        invalid opcode: an abort, or one of a newer processor\n\
        no floating-point unit\n\
        double fault\n\
        coprocessor segment overrun\n\
        invalid TSS\n\
        segment not present\n\
        stack fault\n\
        general protection fault: a non-canonical address, or a privileged register\n\
        page fault\n\
        reserved exception\n\
        floating-point error\n\
        alignment check\n\
        machine check\n\
        SIMD floating-point exception\n\
        virtualization exception\n\
        control protection exception";
    split(NAMES, b'\n').nth(vector as usize).unwrap_or("reserved")
}

/// Writes several lines. The last one has no newline.
impl fmt::Display for Exception<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frame, address, .. } = *self;
        write!(f, "exception {}: {}", frame.vector(), name(frame.vector()))?;
        if frame.vector() == PAGE_FAULT {
            let what = match frame.error() {
                error if error & FETCH != 0 => "executing",
                error if error & WRITE != 0 => "writing",
                _ => "reading",
            };
            write!(f, " {what} {address:#x}")?;
        }
        match self.guess() {
            "" => {}
            guess => write!(f, ": {guess}")?,
        }
        for (number, word) in WORDS.iter().enumerate() {
            let name = NAMES.get(4 * number..4 * number + 3).unwrap_or_default();
            let word = frame.0.get(usize::from(*word)).unwrap_or(&address);
            let before = if number % 4 == 0 { "\n" } else { " " };
            write!(f, "{before}{name} {word:016x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn layout() -> Layout {
        Layout {
            stack_guard: 0x1000..0x2000,
            stack: 0x2000..0xb000,
            host_code: 0xb000..0xc000,
            exception_stacks: 0xc000..0xf000,
            descriptors: 0xf000..0x1_0000,
            #[cfg(feature = "cores")]
            own_descriptors: 0..0,
            text: 0x1_0000..0x2_0000,
            rodata: 0x2_0000..0x2_4000,
            data: 0x2_4000..0x2_8000,
        }
    }

    fn said(vector: u64, error: u64, address: u64, rsp: u64) -> std::string::String {
        let mut frame = Frame::default();
        for (place, word) in [(VECTOR, vector), (ERROR, error), (RSP, rsp)] {
            frame.0[place] = word;
        }
        Exception { frame: &frame, address, layout: &layout() }.to_string()
    }

    #[test]
    fn what_it_most_likely_was() {
        let first = |vector, error, address, rsp| {
            said(vector, error, address, rsp).lines().next().unwrap().to_string()
        };
        for (vector, error, address, rsp, words) in [
            (14, 0, 8, 0x9000, "exception 14: page fault reading 0x8: null pointer"),
            (14, 0x10, 0, 0x9000, "exception 14: page fault executing 0x0: null pointer"),
            (
                14,
                2,
                0x1ff8,
                0x2000,
                "exception 14: page fault writing 0x1ff8: stack overflow: the guard page of the stack",
            ),
            (
                14,
                2,
                0xff8,
                0xfe0,
                "exception 14: page fault writing 0xff8: stack overflow: beyond the guard page of the stack",
            ),
            (
                14,
                3,
                0x1_2000,
                0x9000,
                "exception 14: page fault writing 0x12000: the program is not written to",
            ),
            (
                14,
                3,
                0x2_2000,
                0x9000,
                "exception 14: page fault writing 0x22000: constants are not written to",
            ),
            (
                14,
                3,
                0xf008,
                0x9000,
                "exception 14: page fault writing 0xf008: descriptor tables are not written to",
            ),
            (
                14,
                3,
                0xb000,
                0x9000,
                "exception 14: page fault writing 0xb000: the program is not written to",
            ),
            (
                14,
                3,
                0x2_8000,
                0x9000,
                "exception 14: page fault writing 0x28000: page tables are not written to",
            ),
            (
                14,
                0x11,
                0x2_5000,
                0x9000,
                "exception 14: page fault executing 0x25000: data is not executed",
            ),
            (
                14,
                0,
                1 << 40,
                0x9000,
                "exception 14: page fault reading 0x10000000000: nothing is mapped there",
            ),
            (
                0,
                0,
                0,
                0x9000,
                "exception 0: divide error: division by zero, or a result that is too large",
            ),
            (8, 0, 0, 0x1000, "exception 8: double fault: stack overflow"),
            (3, 0, 0, 0x9000, "exception 3: breakpoint"),
            (31, 0, 0, 0x9000, "exception 31: reserved"),
            (u64::MAX, 0, 0, 0x9000, "exception 18446744073709551615: reserved"),
        ] {
            assert_eq!(first(vector, error, address, rsp), words);
        }
    }

    #[test]
    fn every_register_is_there_in_its_place() {
        let frame = Frame(core::array::from_fn(|place| 0x100 + place as u64));
        let said = Exception { frame: &frame, address: 0x77, layout: &layout() }.to_string();
        for (place, name) in [
            "r15", "r14", "r13", "r12", "r11", "r10", "r9 ", "r8 ", "rbp", "rdi", "rsi", "rdx",
            "rcx", "rbx", "rax", "", "err", "rip", "cs ", "flg", "rsp", "ss ",
        ]
        .into_iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty())
        {
            assert!(said.contains(&std::format!("{name} {:016x}", 0x100 + place)), "{said}");
        }
        assert!(said.contains("cr2 0000000000000077"), "{said}");
        assert!(said.contains("\nrip 0000000000000111 rsp "), "{said}");
        assert_eq!(said.lines().count(), 7, "{said}");
        assert!(said.lines().all(|line| line.len() <= 110), "{said}");
    }
}
