//! Output of a guest that has no console yet, or none any more.

use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use x86_64::instructions::port::Port;

use crate::console;

/// The port whose output appears in Xen's log, after Xen's name of the guest: `(d1) …`. QEMU has one as well, on
/// request (`-debugcon`).
const XEN_DEBUG_PORT: u16 = 0xe9;
/// The first serial port of a PC (COM1): its data port, and its state port, which has this bit set when it accepts a
/// byte.
const SERIAL_PORT: u16 = 0x3f8;
const SERIAL_STATE: u16 = SERIAL_PORT + 5;
const SERIAL_READY: u8 = 1 << 5;

/// Whether there is a serial port to write to.
static SERIAL: AtomicBool = AtomicBool::new(false);

/// Writes one line to the console. If there is no console, or another line is being written to it, the line goes to
/// Xen's log, which shows it if Xen runs with `guest_loglvl=all`.
pub fn print(line: fmt::Arguments<'_>) {
    match console::get() {
        Some(console) if !console.is_busy() => console.print(line),
        _ => debug(line),
    }
}

/// Writes one of the last lines: to Xen's log and to the console.
pub(crate) fn print_last(line: fmt::Arguments<'_>) {
    debug(line);
    if let Some(console) = console::get() {
        console.print(line);
    }
}

/// Waits for a limited time until the console is read, if there is one.
pub(crate) fn flush() {
    if let Some(console) = console::get() {
        console.flush();
    }
}

/// Makes later output go to the first serial port as well, for a machine that does not run on Xen.
pub(crate) fn use_serial_port() {
    SERIAL.store(true, Ordering::Relaxed);
}

fn debug(line: fmt::Arguments<'_>) {
    // The ports accept every byte, but the value that is printed may return an error in the middle.
    let _ = layer::format(format_args!("{line}\n"), &mut |piece| Ports.write_str(piece));
}

/// The ports that accept a byte at any time.
struct Ports;

impl Write for Ports {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let serial = SERIAL.load(Ordering::Relaxed);
        for byte in text.bytes() {
            // SAFETY: Xen takes a byte at this port, and so does QEMU, or nobody does.
            unsafe { Port::new(XEN_DEBUG_PORT).write(byte) };
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
