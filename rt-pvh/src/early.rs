//! Output: through the platform, and to ports while there is no platform or no console.

#[cfg(feature = "cores")]
use core::sync::atomic::AtomicUsize;
use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use x86_64::instructions::port::Port;

use crate::platform::{self, Line};
#[cfg(feature = "cores")]
use crate::{processors, pvclock::time_stamp};

/// The port whose output appears in the log of many hosts, some of them on request. Elsewhere nobody takes the bytes.
const DEBUG_PORT: u16 = 0xe9;
/// The first serial port of a PC (COM1): its data port, and its state port, which has this bit set when it accepts a
/// byte.
const SERIAL_PORT: u16 = 0x3f8;
const SERIAL_STATE: u16 = SERIAL_PORT + 5;
const SERIAL_READY: u8 = 1 << 5;

/// Whether there is a serial port to write to.
static SERIAL: AtomicBool = AtomicBool::new(false);

/// Prints one line of the program: on the console, if there is one.
pub fn print(line: fmt::Arguments<'_>) {
    print_as(Line::Program, line);
}

/// Prints one of the last lines, everywhere.
pub fn print_last(line: fmt::Arguments<'_>) {
    print_as(Line::Last, line);
}

/// Prints a line of this kind.
pub(crate) fn print_as(kind: Line, line: fmt::Arguments<'_>) {
    #[cfg(feature = "cores")]
    let Some(_turn) = Turn::take() else { return debug(line) };
    match platform::get() {
        Some(platform) => platform.print(kind, line),
        None => debug(line),
    }
}

/// The number of the processor that writes, plus 1; 0 if none does.
#[cfg(feature = "cores")]
static WRITER: AtomicUsize = AtomicUsize::new(0);

/// The right to use the console, which one processor at a time has. No packet needs it.
#[cfg(feature = "cores")]
#[derive(Debug)]
pub struct Turn(());

#[cfg(feature = "cores")]
impl Turn {
    /// How long it is waited for, in ticks of the time stamp counter: about a second, longer than a line waits for the reader of
    /// a console.
    const PATIENCE: u64 = 1 << 32;

    /// Waits for it. `None` if this processor has it, in the middle of a line, where an exception has come; or if another one
    /// has, and does not go on.
    pub fn take() -> Option<Self> {
        let (own, began) = (processors::index() + 1, time_stamp());
        loop {
            match WRITER.compare_exchange(0, own, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Self(())),
                Err(writer) if writer == own => return None,
                Err(_) if time_stamp().wrapping_sub(began) > Self::PATIENCE => return None,
                Err(_) => core::hint::spin_loop(),
            }
        }
    }
}

#[cfg(feature = "cores")]
impl Drop for Turn {
    fn drop(&mut self) {
        WRITER.store(0, Ordering::Release);
    }
}

/// Makes [`debug`] write to the first serial port as well.
pub fn use_serial_port() {
    SERIAL.store(true, Ordering::Relaxed);
}

/// Writes one line to the debug port (0xE9), which appears in the host's log, if the host has one.
pub fn debug(line: fmt::Arguments<'_>) {
    // The ports accept every byte, but the value that is printed may return an error in the middle.
    let _ = layer::format(format_args!("{line}\n"), &mut |piece| Ports.write_str(piece));
}

/// The ports that accept a byte at any time.
struct Ports;

impl Write for Ports {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let serial = SERIAL.load(Ordering::Relaxed);
        for byte in text.bytes() {
            // SAFETY: the host takes a byte at this port, or nobody does.
            unsafe { Port::new(DEBUG_PORT).write(byte) };
            if serial {
                if byte == b'\n' {
                    serial_write(b'\r');
                }
                serial_write(byte);
            }
        }
        Ok(())
    }
}

fn serial_write(byte: u8) {
    // A missing port reads as all ones. If a port is stuck, the wait ends.
    for _ in 0..100_000 {
        // SAFETY: reading the state of the serial port changes nothing that matters here.
        if unsafe { Port::<u8>::new(SERIAL_STATE).read() } & SERIAL_READY != 0 {
            break;
        }
    }
    // SAFETY: the data port of the serial port takes a byte; without a serial port nobody does.
    unsafe { Port::new(SERIAL_PORT).write(byte) };
}
