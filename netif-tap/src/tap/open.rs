//! How a TAP device is opened, and with how much help of the kernel.

use core::{mem::ManuallyDrop, time::Duration};

use layer::IPV4_MIN_MTU;
use netif::{Capture, MacAddr};
use rt::{Config, Runtime};
use rt_regions::{PAGE_SIZE, Region};
use rustix::fd::{AsFd, OwnedFd};

use super::Tap;
use crate::{
    Counters, Error,
    batch::Batch,
    device::{self, OffloadLevel, Queues},
    incoming::Incoming,
};

/// The buffers for many datagrams at once take at most one in so many pages of the pool.
const POOL_SHARE: usize = 16;

impl Tap {
    /// Opens the TAP device that the arguments name (`tap0` if they name none), or creates it. Its frames are
    /// shown to the runtime's recorder, if there is one.
    ///
    /// The hardware address is that of `--mac`, or a random one that is locally administered: the
    /// address that the host sees on its own side of the link is another one.
    ///
    /// On several cores, each opens a queue of the device. They have one hardware address.
    ///
    /// # Errors
    /// See [`Error`] (status 1; a name that no interface can have: status 2); or the runtime has no
    /// entropy, or its recorder cannot write.
    pub fn open<R: Runtime>(
        runtime: &mut R,
        config: &Config,
    ) -> Result<Capture<Self, R::Recorder>, rt::Error> {
        let mac = match config.mac {
            Some(mac) => mac,
            None => {
                let mut bytes = [0; 6];
                #[cfg(feature = "cores")]
                let shared = runtime.core().shared_seed();
                #[cfg(not(feature = "cores"))]
                let shared: Option<u128> = None;
                match shared {
                    // The same for all of them.
                    Some(seed) => {
                        let drawn = layer::seed_for(*b"mac ", seed).to_ne_bytes();
                        bytes.copy_from_slice(&drawn[..6]);
                    }
                    None => runtime.entropy(&mut bytes)?,
                }
                MacAddr(bytes).local()
            }
        };
        #[cfg(feature = "cores")]
        let (queues, is_first) = match runtime.core().count() {
            1 => (Queues::One, true),
            _ => (Queues::Several, runtime.core().is_first()),
        };
        #[cfg(not(feature = "cores"))]
        let (queues, is_first) = (Queues::One, true);
        let name = config.interface.unwrap_or("tap0");
        let tap = Self::attach_queue(name, mac, config.offloads, queues, runtime.memory());
        let mut tap = tap.map_err(|error| match error {
            Error::Name(name) => rt::Error::new(2, format_args!("--interface={name}: {error}")),
            error => error.into(),
        })?;
        // What one core would take back at its end, the others still use.
        tap.takes_back = is_first;
        if is_first && device::is_new(tap.event) {
            runtime.print(format_args!(
                "the TAP device {name} was not there: made, to go with this process; it is down \
                 until 'ip link set {name} up'"
            ));
        }
        Ok(Capture::new(tap, runtime.recorder()?))
    }

    /// Opens the TAP device `name`, or creates it, without offloads. Its buffer, one frame long, is allocated
    /// in `memory`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn attach(
        name: &'static str,
        mac: MacAddr,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        Self::attach_with(name, mac, false, memory)
    }

    /// Opens the TAP device `name`, or creates it, with the offloads that the kernel supports if `offloads`
    /// is true. If the pool of `memory` has 3 MiB or more, its buffers take 128 KiB.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn attach_with(
        name: &'static str,
        mac: MacAddr,
        offloads: bool,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        Self::attach_queue(name, mac, offloads, Queues::One, memory)
    }

    fn attach_queue(
        name: &'static str,
        mac: MacAddr,
        offloads: bool,
        queues: Queues,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        let pages = memory.pool().map_or(0, |pool| pool.pages());
        let lengths = [
            Incoming::buffer_len(OffloadLevel::Datagrams, 0),
            Batch::buffer_len(OffloadLevel::Datagrams, 0),
        ];
        let buffers = lengths.iter().sum::<usize>().div_ceil(PAGE_SIZE);
        let most = match offloads {
            false => OffloadLevel::None,
            true if pages < POOL_SHARE * buffers => OffloadLevel::Checksums,
            true => OffloadLevel::Datagrams,
        };
        let (mut device, mut level) = device::open(name, most, queues)?;
        let mtu = device::mtu(name)?;
        if mtu < IPV4_MIN_MTU && level != OffloadLevel::None {
            drop(device);
            (device, level) = device::open(name, OffloadLevel::None, queues)?;
        }
        Self::new(name, device, level, mac, mtu, memory)
    }

    /// Frames of an MTU of `mtu` bytes through `device`, which gives one frame at a read, takes one
    /// at a write, and never blocks.
    pub(super) fn new(
        name: &'static str,
        device: OwnedFd,
        level: OffloadLevel,
        mac: MacAddr,
        mtu: usize,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        let zeroes = |length| memory.alloc_slice_with(length, |_| 0);
        let incoming = zeroes(Incoming::buffer_len(level, mtu))?;
        let batch = zeroes(Batch::buffer_len(level, mtu))?;
        // A descriptor that is never closed can be waited on without a borrow.
        let device: &'static OwnedFd = memory.alloc(ManuallyDrop::new(device))?;
        Ok(Self {
            name,
            event: device.as_fd(),
            mac,
            mtu,
            level,
            takes_back: true,
            incoming: Incoming::new(incoming, mtu),
            batch: Batch::new(batch, level, mtu),
            last_sent: Duration::ZERO,
            counters: Counters::default(),
        })
    }
}
