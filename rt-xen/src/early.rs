//! Words from a guest that has no console yet, or not any more.

use core::{
    cell::Cell,
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use x86_64::instructions::port::Port;

use crate::one_cpu::OneCpu;

/// What is written to this port appears in Xen's log, before its name of the guest: `(d1) …`. QEMU has one
/// as well, when asked (`-debugcon`).
const XEN_DEBUG_PORT: u16 = 0xe9;
/// The first serial port of a PC (COM1): its data, and its state, which has this bit when it takes a byte.
const SERIAL_PORT: u16 = 0x3f8;
const SERIAL_STATE: u16 = SERIAL_PORT + 5;
const SERIAL_READY: u8 = 1 << 5;

/// Writes bytes to where people see them.
type Console = fn(&[u8]);

/// Where lines go once there is a console.
static CONSOLE: OneCpu<Cell<Option<Console>>> = OneCpu(Cell::new(None));
/// Whether there is a serial port to write to.
static SERIAL: AtomicBool = AtomicBool::new(false);

/// From now on lines go to `console`, in pieces: what it is given ends with a line feed only if a line ends.
/// It must come back when nobody reads, and must not need memory.
pub fn switch_console(console: Console) {
    CONSOLE.0.set(Some(console));
}

/// Writes one line: to the console, and to Xen's log as long as there is none (which shows it if Xen runs
/// with `guest_loglvl=all`).
pub fn print(line: fmt::Arguments<'_>) {
    let console = CONSOLE.0.get();
    write_line(line, |bytes| match console {
        Some(console) => console(bytes),
        None => debug(bytes),
    });
}

/// Writes one of the last lines: to the console and to Xen's log.
pub(crate) fn print_last(line: fmt::Arguments<'_>) {
    let console = CONSOLE.0.get();
    write_line(line, |bytes| {
        debug(bytes);
        if let Some(console) = console {
            console(bytes);
        }
    });
}

/// Writes to the first serial port as well: for a machine that is not Xen's.
pub(crate) fn use_serial_port() {
    SERIAL.store(true, Ordering::Relaxed);
}

fn write_line(line: fmt::Arguments<'_>, write: impl FnMut(&[u8])) {
    let mut out = Sink(write);
    // A sink takes everything.
    let _ = out.write_fmt(line);
    let _ = out.write_str("\n");
}

struct Sink<W>(W);

impl<W: FnMut(&[u8])> Write for Sink<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0)(text.as_bytes());
        Ok(())
    }
}

fn debug(bytes: &[u8]) {
    let serial = SERIAL.load(Ordering::Relaxed);
    for &byte in bytes {
        // SAFETY: Xen, and every PC, takes a byte at this port, or nobody does.
        unsafe { Port::new(XEN_DEBUG_PORT).write(byte) };
        if serial {
            if byte == b'\n' {
                serial_write(b'\r');
            }
            serial_write(byte);
        }
    }
}

fn serial_write(byte: u8) {
    // A port that is not there reads as all ones, one that is stuck is not waited for.
    for _ in 0..100_000 {
        // SAFETY: reading the state of the serial port changes nothing that matters here.
        if unsafe { Port::<u8>::new(SERIAL_STATE).read() } & SERIAL_READY != 0 {
            break;
        }
    }
    // SAFETY: the data port of the serial port takes a byte; without a serial port nobody does.
    unsafe { Port::new(SERIAL_PORT).write(byte) };
}
