//! The console: writes lines to the ring that `xenconsoled` reads (`io/console.h`). Input is discarded.
//!
//! A console that nobody reads must not stop a service. A line for which the ring has no room waits once, for
//! [`WRITE_TIMEOUT`]. If it waited in vain, it is dropped, and later lines are dropped without a wait until there is
//! room again. The next line that is written is preceded by the number of lines that were dropped.

use core::cell::Cell;
use core::{
    fmt::{self, Write},
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, Ordering, compiler_fence},
    time::Duration,
};

use layer::split::split;

use crate::{
    events::{Channel, Peer},
    ring::{BrokenRing, Reader, Space, Writer},
};

/// How long a line waits for room. `xenconsoled` reads the ring within a few milliseconds.
const WRITE_TIMEOUT: Duration = Duration::from_millis(200);

/// The end of a line. The terminal at the other end does not return to the left margin by itself.
const END: &str = "\r\n";

/// `struct xencons_interface`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ConsoleInterface {
    input: [AtomicU8; 1024],
    output: [AtomicU8; 2048],
    in_cons: AtomicU32,
    in_prod: AtomicU32,
    out_cons: AtomicU32,
    out_prod: AtomicU32,
}

const _: () = assert!(size_of::<ConsoleInterface>() == 3088);

/// The console of the guest.
#[derive(Debug)]
pub(crate) struct Console<'s, P> {
    output: Writer<'s>,
    input: Reader<'s>,
    peer: P,
    /// How many lines were dropped since the last one that was written.
    dropped: Cell<u64>,
    /// Whether the last line has waited in vain.
    stuck: Cell<bool>,
    /// Whether a line is being written. An interrupt handler, after which the line goes on, must not write then.
    busy: AtomicBool,
}

impl<'s, P: Peer> Console<'s, P> {
    pub(crate) fn new(interface: &'s ConsoleInterface, peer: P) -> Self {
        let ConsoleInterface { input, output, in_cons, in_prod, out_cons, out_prod } = interface;
        Self {
            output: Writer::new(output, out_cons, out_prod),
            input: Reader::new(input, in_prod, in_cons),
            peer,
            dropped: Cell::new(0),
            stuck: Cell::new(false),
            busy: AtomicBool::new(false),
        }
    }

    /// Whether a line is being written, which the caller has interrupted.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Writes one line, or nothing. A line that is longer than the ring is cut.
    pub(crate) fn print(&self, line: fmt::Arguments<'_>) {
        self.busy.store(true, Ordering::Relaxed);
        // An interrupt sees the order of the processor's stores, so the compiler must not reorder them.
        compiler_fence(Ordering::SeqCst);
        self.print_alone(line);
        compiler_fence(Ordering::SeqCst);
        self.busy.store(false, Ordering::Relaxed);
    }

    fn print_alone(&self, line: fmt::Arguments<'_>) {
        let dropped = self.dropped.get();
        let lost = format_args!("(lines lost, because nobody read the console: {dropped})\n");
        let lost = if dropped > 0 { lost } else { format_args!("") };
        let mut length = Length(0);
        // Counting only fails if the value that is printed returns an error; then the line ends there.
        let mut count = |piece: &str| length.write_str(piece);
        let _ = layer::format(lost, &mut count).and_then(|()| layer::format(line, &mut count));
        match self.room((length.0 + END.len()).min(self.output.size())) {
            Ok(Some(space)) => {
                let mut text = Text(space);
                // Stops where only the end of the line still fits.
                let mut write = |piece: &str| text.write_str(piece);
                let _ =
                    layer::format(lost, &mut write).and_then(|()| layer::format(line, &mut write));
                text.0.write(END.as_bytes());
                text.0.publish();
                self.dropped.set(0);
                self.stuck.set(false);
                self.peer.notify();
            }
            Ok(None) | Err(BrokenRing) => {
                self.dropped.set(dropped.saturating_add(1));
                self.stuck.set(true);
            }
        }
    }

    /// Waits for space for `length` bytes or more; returns it, or `None`.
    fn room(&self, length: usize) -> Result<Option<Space<'_, 's>>, BrokenRing> {
        let deadline = self.peer.now() + WRITE_TIMEOUT;
        loop {
            let space = self.output.space()?;
            if space.free() >= length {
                return Ok(Some(space));
            }
            if self.stuck.get() || self.peer.now() >= deadline {
                return Ok(None);
            }
            self.peer.notify();
            self.peer.sleep(deadline);
        }
    }

    /// Waits until all lines are read, at most as long as a line waits for room. It must be called before the domain
    /// ends, because the ring ends with it.
    pub(crate) fn flush(&self) {
        let deadline = self.peer.now() + WRITE_TIMEOUT;
        self.peer.notify();
        while self.peer.now() < deadline
            && self.output.space().is_ok_and(|space| space.free() < self.output.size())
        {
            self.peer.sleep(deadline);
        }
    }

    /// Discards typed input, if there is any, so that the sender is not blocked.
    pub(crate) fn listen(&self) {
        if self.peer.take_pending() && self.input.discard().is_ok_and(|length| length > 0) {
            self.peer.notify();
        }
    }
}

/// Counts the bytes of a text on the terminal.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let ends = text.bytes().filter(|byte| *byte == b'\n').count();
        self.0 = self.0.saturating_add(text.len() + ends);
        Ok(())
    }
}

/// Writes a text in the form for a terminal, until only the end of the line still fits.
struct Text<'w, 's>(Space<'w, 's>);

impl Write for Text<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (number, line) in split(text, b'\n').enumerate() {
            if number > 0 {
                self.write_all(END)?;
            }
            self.write_all(line)?;
        }
        Ok(())
    }
}

impl Text<'_, '_> {
    fn write_all(&mut self, text: &str) -> fmt::Result {
        let room = self.0.free().saturating_sub(END.len());
        let fits = text.floor_char_boundary(room);
        self.0.write(&text.as_bytes()[..fits]);
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// The console of the guest, once it is found, for code that has no access to the runtime.
static CONSOLE: AtomicPtr<Console<'static, Channel<'static>>> = AtomicPtr::new(ptr::null_mut());

/// Sets the console that [`get`] returns.
pub(crate) fn set(console: &'static Console<'static, Channel<'static>>) {
    CONSOLE.store(ptr::from_ref(console).cast_mut(), Ordering::Relaxed);
}

/// The console of the guest, or `None` until the runtime has found it.
///
/// An exception that ends the guest may use it too, even in the middle of a line: the part of that line that was
/// written is not published yet, and is overwritten. The non-maskable interrupt, after which the line goes on, checks
/// [`Console::is_busy`] first.
pub(crate) fn get() -> Option<&'static Console<'static, Channel<'static>>> {
    // SAFETY: null, or from the reference that `set` got, which lives as long as the program. There is one
    // virtual processor, so no other thread uses its cells.
    unsafe { CONSOLE.load(Ordering::Relaxed).as_ref() }
}

#[cfg(test)]
mod tests;
