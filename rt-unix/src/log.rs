//! The log: what the layers write through `defmt`, as lines on standard error.
//!
//! A line leaves the layer as a number and the bytes of its arguments; its text is in the symbol table of the
//! program. This module joins both, in the process itself.

use std::{
    cell::RefCell,
    fs::File,
    io::{self, Read as _},
    sync::OnceLock,
};

use defmt_decoder::Table;

use crate::{runtime::now, say};

/// The longest line that is kept, in bytes before it is decoded.
const LONGEST: usize = 4096;

/// A line that is being written.
struct Frame {
    bytes: [u8; LONGEST],
    /// How long it is; more than [`LONGEST`] if its end was not kept.
    length: usize,
    /// How many lines have begun and not ended: more than one if formatting an argument logs.
    begun: u32,
}

thread_local! {
    static FRAME: RefCell<Frame> =
        const { RefCell::new(Frame { bytes: [0; LONGEST], length: 0, begun: 0 }) };
}

#[defmt::global_logger]
struct Logger;

// SAFETY: the execution context is the thread. All state is thread-local and guarded by a `RefCell`,
// so no call, in any order and from any thread, touches memory that another one uses.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        with_frame(|frame| {
            frame.begun += 1;
            if frame.begun == 1 {
                frame.length = 0;
            }
        });
    }

    unsafe fn flush() {}

    unsafe fn release() {
        with_frame(|frame| {
            frame.begun -= 1;
            if frame.begun == 0 {
                print(frame);
            }
        });
    }

    unsafe fn write(bytes: &[u8]) {
        with_frame(|frame| {
            // A line within a line would only break it.
            if frame.begun == 1 {
                if let Some(room) = frame.bytes.get_mut(frame.length..frame.length + bytes.len()) {
                    room.copy_from_slice(bytes);
                }
                frame.length += bytes.len();
            }
        });
    }
}

/// Changes this thread's line. Not while it is being printed, and not when the thread is ending.
fn with_frame(change: impl FnOnce(&mut Frame)) {
    let _ = FRAME.try_with(|frame| {
        if let Ok(mut frame) = frame.try_borrow_mut() {
            change(&mut frame);
        }
    });
}

/// Prints a complete line: the time in seconds, then the text.
fn print(frame: &Frame) {
    static TABLE: OnceLock<Option<Table>> = OnceLock::new();
    let now = now();
    let table = TABLE.get_or_init(|| {
        let table = read_table();
        if let Err(reason) = &table {
            say(format_args!("no log: {reason}"));
        }
        table.ok()
    });
    let Some(table) = table else { return };
    match frame.bytes.get(..frame.length) {
        Some(bytes) => match table.decode(bytes) {
            Ok((line, _)) => say(format_args!("{now} {}", line.display_message())),
            Err(error) => say(format_args!("{now} (a line that cannot be read: {error})")),
        },
        None => say(format_args!(
            "{now} (a line of {} bytes is left out: {LONGEST} is the most)",
            frame.length
        )),
    }
}

/// Opens the file of this program. It is read only when there is a line to print, but then no file may be
/// opened any more.
pub(crate) fn open_program() -> &'static io::Result<File> {
    static PROGRAM: OnceLock<io::Result<File>> = OnceLock::new();
    PROGRAM.get_or_init(|| File::open("/proc/self/exe"))
}

/// The texts of this program, by their numbers.
fn read_table() -> Result<Table, String> {
    let cannot = |error: &io::Error| format!("cannot read this program (/proc/self/exe): {error}");
    let (mut file, mut program) = (open_program().as_ref().map_err(cannot)?, Vec::new());
    file.read_to_end(&mut program).map_err(|error| cannot(&error))?;
    let table = Table::parse(&program)
        .map_err(|error| format!("cannot read the log's words from this program: {error:#}"))?
        .ok_or("this program has no section .defmt: it was stripped, or not linked for it")?;
    // The decoder panics on a date after the year 9999, and on an isize in hexadecimal.
    let panics = |words: &&str| words.contains("iso8601") || words.contains("=isize");
    if let Some(words) = table.raw_symbols().find(panics) {
        return Err(format!("the decoder cannot take iso8601 and isize, as in {words}"));
    }
    Ok(table)
}
