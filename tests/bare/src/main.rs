//! Says what the loader has left, and how it ends: the platform is a PC with a serial port.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::{fmt, ops::Range};

use rt_pvh::{
    Line, Loader, Machine, Platform, Shutdown, arguments::Arguments, debug, finish,
    monitor_words::MonitorWords, print, pvclock::VcpuTimeInfo, use_serial_port,
};

struct Pc;

/// The registers of the local APIC, and some that a monitor may place far above all memory.
static DEVICES: [Range<u64>; 2] = [0xfee0_0000..0xfef0_0000, 0x40_0000_0000..0x40_0020_0000];

impl Platform for Pc {
    fn print(&self, _: Line, line: fmt::Arguments<'_>) {
        debug(line);
    }

    /// Leaves it to the reset, and says why.
    fn shut_down(&self, reason: Shutdown) {
        debug(format_args!("ends: {reason:?}"));
    }

    fn device_ranges(&self, _: &str) -> &[Range<u64>] {
        &DEVICES
    }

    fn clock_page(&self) -> Option<&'static VcpuTimeInfo> {
        None
    }
}

rt_pvh::entry!(bare);

fn bare(loader: Loader) -> ! {
    use_serial_port();
    let machine = loader.open(&Pc, |_| ());
    finish("bare", tell(&machine))
}

fn tell(machine: &Machine) -> Result<(), rt_pvh::Error> {
    print(format_args!("line {:?}", machine.command_line));
    let words = MonitorWords::of(machine.command_line);
    print(format_args!("of the monitor: {words}"));
    let arguments = Arguments::read(words.removed(machine.memory)?, machine.memory)?;
    for argument in arguments.iter() {
        match argument {
            "--panic" => panic!("on purpose"),
            _ => print(format_args!("argument {argument}")),
        }
    }
    Ok(())
}
