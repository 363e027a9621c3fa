//! The console: lines out, through the ring that `xenconsoled` reads (`io/console.h`). What comes in is
//! thrown away.
//!
//! A console that nobody reads must not stop a service. A line for which the ring has no room waits once,
//! for [`WRITE_TIMEOUT`]; if that was in vain it is dropped, and those after it are dropped without waiting,
//! until there is room again. The next line that goes out is preceded by the number of those that did not.

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

/// How long a line waits for room. `xenconsoled` takes what is there within a few milliseconds.
const WRITE_TIMEOUT: Duration = Duration::from_millis(200);

/// What ends a line: on the terminal at the other end nobody else goes back to the left.
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
    /// How many lines were lost since the last one that was not.
    dropped: Cell<u64>,
    /// The last line has waited in vain.
    stuck: Cell<bool>,
    /// A line is being written: who comes in between and lets it go on writes nothing.
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

    /// The time now.
    #[cfg(feature = "defmt")]
    pub(crate) fn now(&self) -> layer::Instant {
        self.peer.now()
    }

    /// Whether a line is being written, which whoever asks has interrupted.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Writes one line, or nothing of it. A line that is longer than the ring is cut.
    pub(crate) fn print(&self, line: fmt::Arguments<'_>) {
        self.busy.store(true, Ordering::Relaxed);
        // An interrupt sees what the processor does: so the compiler must not do it in another order.
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
        // Counting does not fail, unless what is printed says so; then its line ends there.
        let mut count = |piece: &str| length.write_str(piece);
        let _ = layer::format(lost, &mut count).and_then(|()| layer::format(line, &mut count));
        match self.room((length.0 + END.len()).min(self.output.size())) {
            Ok(Some(space)) => {
                let mut text = Text(space);
                // Stops where there is no more room than for the end.
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

    /// Space for `length` bytes or more, when there is some, or nothing.
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

    /// Waits until all lines are read, for as long as a line waits for room. To be called before the domain
    /// ends: the ring goes with it.
    pub(crate) fn flush(&self) {
        let deadline = self.peer.now() + WRITE_TIMEOUT;
        self.peer.notify();
        while self.peer.now() < deadline
            && self.output.space().is_ok_and(|space| space.free() < self.output.size())
        {
            self.peer.sleep(deadline);
        }
    }

    /// Throws away what was typed, if there is any, so that whoever types is not kept waiting.
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

/// Writes a text as a terminal takes it, up to where only the end of the line has room.
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

/// The console of the guest, once there is one: for those who have to say something without a runtime.
static CONSOLE: AtomicPtr<Console<'static, Channel<'static>>> = AtomicPtr::new(ptr::null_mut());

/// Makes `console` the one of [`get`].
pub(crate) fn set(console: &'static Console<'static, Channel<'static>>) {
    CONSOLE.store(ptr::from_ref(console).cast_mut(), Ordering::Relaxed);
}

/// The console of the guest. Nothing until the runtime has found it.
///
/// It may be used in an exception that ends the guest as well, in the middle of a line: what was written of that
/// line is not published yet, and is written over. The non-maskable interrupt, after which the line goes on, asks
/// [`Console::is_busy`] first.
pub(crate) fn get() -> Option<&'static Console<'static, Channel<'static>>> {
    // SAFETY: null, or from the reference that `set` got, which lives as long as the program. There is one
    // virtual processor, so no other thread uses its cells.
    unsafe { CONSOLE.load(Ordering::Relaxed).as_ref() }
}

#[cfg(test)]
mod tests;
