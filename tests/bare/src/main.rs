//! Says what the loader has left, and how it ends: the platform is a PC with a serial port.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::{fmt, ops::Range};

use rt_pvh::{
    Line, Loader, Machine, Platform, Shutdown, arguments::Arguments, debug, finish, print,
    pvclock::VcpuTimeInfo, use_serial_port,
};

struct Pc;

/// The registers of the local APIC, and some that a monitor may place far above all memory.
const DEVICES: [Range<u64>; 2] = [0xfee0_0000..0xfef0_0000, 0x40_0000_0000..0x40_0020_0000];

impl Platform for Pc {
    fn print(&self, _: Line, line: fmt::Arguments<'_>) {
        debug(line);
    }

    /// Leaves it to the reset, and says why.
    fn shut_down(&self, reason: Shutdown) {
        debug(format_args!("ends: {reason:?}"));
    }

    fn clock_page(&self) -> Option<&'static VcpuTimeInfo> {
        None
    }
}

rt_pvh::entry!(bare);

fn bare(loader: Loader) -> ! {
    use_serial_port();
    let machine = loader.open(&Pc, &mut |plan| {
        for range in DEVICES {
            plan.devices.add(range);
        }
    });
    finish("bare", tell(&machine))
}

fn tell(machine: &Machine) -> Result<(), rt_pvh::Error> {
    print(format_args!("line {:?}", machine.command_line));
    let line = machine.command_line;
    let (arguments, words) = Arguments::read_beside_words(line, machine.memory)?;
    print(format_args!("of the monitor: {}", words.trim_end()));
    for argument in arguments.iter() {
        match argument {
            "--panic" => panic!("on purpose"),
            _ => print(format_args!("argument {argument}")),
        }
    }
    Ok(())
}
