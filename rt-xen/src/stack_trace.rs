//! Where the program was when it ended: the addresses on its stack that may be those of calls.
//!
//! A panic says neither its message nor its place unless the feature `panic-messages` keeps them: the words
//! and the table of places would be 6 % of a small image. An address costs nothing, and whoever has
//! the ELF file finds its line in it.

use core::fmt;

use crate::layout::{Layout, physical};

/// How many addresses are shown at most.
const MOST: usize = 32;

/// The addresses on the stack of the program that lead into its code, the innermost first; displayed as
/// `stack 21f3c 2a01b …` in hexadecimal.
///
/// Most are where a call returns to. Others are left from calls that are over, or are numbers that look like
/// addresses; who reads them next to the program can tell those that follow no call.
#[derive(Debug)]
pub(crate) struct StackTrace {
    layout: Layout,
    from: u64,
}

impl StackTrace {
    /// Those of the running program, from the address `from` of its stack up.
    pub(crate) fn above(from: u64) -> Self {
        Self { layout: Layout::of_guest(), from }
    }
}

impl fmt::Display for StackTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layout, from } = self;
        f.write_str("stack")?;
        // A stack pointer that is elsewhere has left the stack, below its end most likely.
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
