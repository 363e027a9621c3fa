//! The place where the program ended: the addresses on its stack that may be return addresses.
//!
//! A panic prints neither its message nor its place unless the feature `panic-messages` is on: the texts and the table
//! of places would be 6 % of a small image. An address costs nothing, and the ELF file maps it to a line.

use core::fmt;

use crate::layout::{Layout, physical};

/// The most addresses that are shown.
const MOST: usize = 32;

/// The addresses on the stack of the program that point into its code, the innermost first. They are displayed as
/// `stack 21f3c 2a01b …` in hexadecimal.
///
/// Most are return addresses. Others remain from calls that are over, or are numbers that look like addresses. A reader
/// who compares them with the program can recognise those that follow no call.
#[derive(Debug)]
pub(crate) struct StackTrace {
    layout: Layout,
    from: u64,
}

impl StackTrace {
    /// The addresses of the running program, from the address `from` of its stack upwards.
    pub(crate) fn above(from: u64) -> Self {
        Self { layout: Layout::of_guest(), from }
    }
}

impl fmt::Display for StackTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layout, from } = self;
        f.write_str("stack")?;
        // A stack pointer outside the stack has most likely left it at its lower end.
        let first = if layout.stack.contains(from) { *from } else { layout.stack.start };
        let words = (first.next_multiple_of(8)..layout.stack.end).step_by(8);
        let addresses = words.map(|address| {
            // SAFETY: the whole stack is mapped and aligned, and any bytes are a word. It may be in use:
            // nothing is concluded from what is read.
            unsafe { physical::<u64>(address).read_volatile() }
        });
        for address in addresses.filter(|address| layout.text.contains(address)).take(MOST) {
            write!(f, " {address:x}")?;
        }
        Ok(())
    }
}
