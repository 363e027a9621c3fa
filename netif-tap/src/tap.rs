//! Frames in and out of a TAP device.

use core::{
    fmt,
    mem::{ManuallyDrop, MaybeUninit},
};

use netif::{Checksums, Counter, MacAddr, Netif, Payload, Rx, RxFrame};
use rt::{Config, Runtime};
use rt_regions::Region;
use rustix::{
    fd::{AsFd, OwnedFd},
    io::{self, Errno},
};

use crate::{Error, Event, device};

/// The Ethernet header: two addresses and a type.
const HEADER: usize = 14;
/// The largest header: the Ethernet header with one VLAN tag (IEEE 802.1Q).
const LARGEST_HEADER: usize = HEADER + 4;

netif::counters! {
    /// What a TAP device counted.
    pub struct Counters of "tap" {
        /// Frames received.
        frames_rx,
        /// Bytes received, Ethernet headers included.
        bytes_rx,
        /// Frames received and lost: the packet's region had no room.
        rx_no_room,
        /// Frames received and dropped: longer than the MTU that the device had when it was opened.
        rx_too_long,
        /// Frames sent.
        frames_tx,
        /// Bytes sent, Ethernet headers included.
        bytes_tx,
        /// Frames not sent: the kernel's queue was full.
        tx_queue_full,
        /// Frames not sent: the interface was down.
        tx_interface_down,
        /// Frames not sent: longer than the MTU, or shorter than an Ethernet header.
        tx_bad_length,
    }
}

/// A TAP device: an Ethernet link to the Linux host that this process runs on.
///
/// It stays open until the process ends.
pub struct Tap {
    event: Event,
    mac: MacAddr,
    mtu: usize,
    /// Where a frame is put together before it is written: as long as the longest frame.
    frame: &'static mut [u8],
    counters: Counters,
}

impl Tap {
    /// Opens the TAP device that the arguments name (`tap0` if they name none), or creates it.
    ///
    /// The hardware address is that of `--mac`, or a random one that is locally administered: the
    /// address that the host sees on its own side of the link is another one.
    ///
    /// # Errors
    /// See [`Error`] (status 1; a name that no interface can have: status 2); or the runtime has no
    /// entropy.
    pub fn open(runtime: &mut impl Runtime, config: &Config) -> Result<Self, rt::Error> {
        let mac = match config.mac {
            Some(mac) => mac,
            None => {
                let mut bytes = [0; 6];
                runtime.entropy(&mut bytes)?;
                MacAddr(bytes).local()
            }
        };
        Self::attach(config.interface.unwrap_or("tap0"), mac, runtime.memory()).map_err(|error| {
            match error {
                Error::Name(name) => rt::Error::new(2, format_args!("--interface={name}: {error}")),
                error => error.into(),
            }
        })
    }

    /// Opens the TAP device `name`, or creates it. Its buffer, one frame long, is allocated in
    /// `memory`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn attach(
        name: &'static str,
        mac: MacAddr,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        let device = device::open(name)?;
        Self::new(device, mac, device::mtu(name)?, memory)
    }

    /// Frames of an MTU of `mtu` bytes through `device`, which gives one frame at a read, takes one
    /// at a write, and never blocks.
    fn new(
        device: OwnedFd,
        mac: MacAddr,
        mtu: usize,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        let frame = memory.alloc_slice_with(mtu + LARGEST_HEADER, |_| 0)?;
        // What never ends can be waited on without asking whether it is still there.
        let device: &'static OwnedFd = memory.alloc(ManuallyDrop::new(device))?;
        Ok(Self { event: device.as_fd(), mac, mtu, frame, counters: Counters::default() })
    }

    /// Reads a frame that there is no room for, and forgets it. A read takes a frame off the queue
    /// even if it takes only its first byte.
    fn lose(&mut self) -> Result<Rx<RxFrame<'static>>, Error> {
        match io::retry_on_intr(|| io::read(self.event, &mut [0; 1])) {
            Ok(_) => {
                self.counters.rx_no_room += 1;
                Ok(Rx::Kept)
            }
            Err(Errno::AGAIN) => Ok(Rx::Idle),
            Err(errno) => Err(broken("read", errno)),
        }
    }
}

impl Netif for Tap {
    type Error = Error;
    type Event = Event;

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn event(&self) -> Event {
        self.event
    }

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Error> {
        let longest = self.frame.len();
        let device = self.event;
        // One byte more than the longest frame has, so that a frame which was cut can be told from
        // one which just fits.
        let (bytes, result) = loop {
            match region.fill(longest + 1, |buffer| read(device, buffer)) {
                Ok((_, Err(Errno::INTR))) => {}
                Ok(frame) => break frame,
                Err(_exhausted) => return self.lose(),
            }
        };
        match (bytes, result) {
            (Some(bytes), Ok(())) if bytes.len() <= longest => {
                self.counters.frames_rx += 1;
                self.counters.bytes_rx += bytes.len() as u64;
                Ok(Rx::Item(RxFrame { bytes, checksums: Checksums::NotChecked }))
            }
            (_, Ok(())) => {
                self.counters.rx_too_long += 1;
                Ok(Rx::Kept)
            }
            (_, Err(Errno::AGAIN)) => Ok(Rx::Idle),
            (_, Err(errno)) => Err(broken("read", errno)),
        }
    }

    fn transmit(&mut self, frame: impl Payload) -> Result<(), Error> {
        let length = frame.len();
        if length < HEADER || length > self.frame.len() {
            self.counters.tx_bad_length += 1;
            return Ok(());
        }
        let bytes = &mut self.frame[..length];
        frame.copy_to(0, bytes);
        match io::retry_on_intr(|| io::write(self.event, bytes)) {
            Ok(_) => {
                self.counters.frames_tx += 1;
                self.counters.bytes_tx += length as u64;
            }
            Err(Errno::AGAIN | Errno::NOBUFS) => self.counters.tx_queue_full += 1,
            Err(Errno::IO) => self.counters.tx_interface_down += 1,
            Err(errno) => return Err(broken("write", errno)),
        }
        Ok(())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.counters.visit(visit);
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("event", &self.event)
            .field("mac", &self.mac)
            .field("mtu", &self.mtu)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// Reads one frame, in the form that [`Region::fill`] asks for.
fn read(device: Event, buffer: &mut [MaybeUninit<u8>]) -> (Option<&mut [u8]>, Result<(), Errno>) {
    match io::read(device, buffer) {
        Ok((frame, _rest)) => (Some(frame), Ok(())),
        Err(errno) => (None, Err(errno)),
    }
}

/// A failure of `call` that no other frame will get over.
fn broken(call: &'static str, errno: Errno) -> Error {
    match errno {
        Errno::BADFD => Error::Deleted,
        _ => Error::System(call, errno),
    }
}

#[cfg(test)]
mod tests;
