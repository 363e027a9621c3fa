//! The limit of a TAP device with one system call a frame: reads a frame, swaps its addresses, writes it.

#![forbid(unsafe_code)]

use bench::{Arguments, open_blocking, reflect};
use clap::Parser;
use netif::MacAddr;
use rustix::io::{Errno, read, write};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (device, mtu) = open_blocking(&arguments.interface, MAC)?;
    let address = arguments.ipv4.address();
    // An Ethernet header, one VLAN tag.
    let mut frame = vec![0; mtu + 18];
    eprintln!("serving");
    loop {
        let length = match read(device, &mut *frame) {
            Ok(length) => length,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if reflect(&mut frame[..length], MAC.0, address) {
            match write(device, &frame[..length]) {
                Ok(_) | Err(Errno::INTR | Errno::NOBUFS | Errno::IO) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
