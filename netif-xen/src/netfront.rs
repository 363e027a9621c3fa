//! The interface: receives and sends frames, and checks xenstore when it has changed.

use core::{fmt, time::Duration};

use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt::Config;
use rt_regions::Region;
use rt_xen::{Event, Guest, Port, Watch};

use crate::{
    Broken, Counters, Error, ProtocolViolation,
    device::{self, Device},
    rx::{Received, RxQueue},
    segments::SEGMENTS,
    state::Front,
    tx::TxQueue,
    wire::LARGEST_HEADER,
};

mod room;
mod send;

/// How long [`Netfront::attach`] waits for the backend, whose host first runs a script.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many receive requests are written before they are published, while frames are waiting.
const BATCH: u32 = 8;

/// A network device of Xen: an Ethernet link to the domain in which its backend runs.
pub struct Netfront<G: Guest> {
    guest: G,
    interface: Interface,
}

/// The parts of [`Netfront`] that do not depend on the type of the guest.
pub(crate) struct Interface {
    /// The number of the device, if only that one is acceptable.
    pub(crate) wanted: Option<u32>,
    /// Fires when a device comes or goes.
    pub(crate) devices: Watch,
    pub(crate) device: Option<Device>,
    pub(crate) front: Front,
    /// Whether xenstore has changed more often than it could be checked.
    pub(crate) is_behind: bool,
    /// Whether the backend has not yet released the rings that the next connection needs.
    pub(crate) waits_for_rings: bool,
    /// Our end of the event channel.
    ///
    /// INVARIANT: ours to close.
    pub(crate) port: Option<Port>,
    pub(crate) rx: RxQueue,
    pub(crate) tx: TxQueue,
    /// Our hardware address. It is set by the first device, and is kept when another device replaces it.
    pub(crate) mac: MacAddr,
    pub(crate) mtu: usize,
    /// The work on frames that this backend does, if backends may be asked for that and may leave such work to us.
    pub(crate) offloads: Option<Offloads>,
    /// Where the indices of the rings begin.
    pub(crate) start: u32,
    pub(crate) counters: Counters,
    pub(crate) last_error: Option<Error>,
    pub(crate) last_violation: Option<ProtocolViolation>,
}

impl<G: Guest> Netfront<G> {
    /// Opens the network device that the arguments name by its number (`--interface=0`), or the first device. The
    /// hardware address is that of `--mac`, or the device's own. See [`attach`](Self::attach).
    ///
    /// # Errors
    /// See [`Error`] (status 1). Status 2 for an argument that is not a number, or for `--offloads=on` without the feature
    /// `segmentation`.
    pub fn configured(
        guest: G,
        config: &Config,
        memory: &'static Region<'static>,
    ) -> Result<Self, rt::Error> {
        if config.offloads && !SEGMENTS {
            return Err(rt::Error::new(2, "--offloads=on: not in this image"));
        }
        let number = config.interface.and_then(|name| device::number(name.as_bytes()));
        if let (Some(name), None) = (config.interface, number) {
            let error = Error::Name(name);
            return Err(rt::Error::new(2, format_args!("--interface={name}: {error}")));
        }
        Ok(Self::attach_with(guest, number, config.mac, config.offloads, memory)?)
    }

    /// Opens network device `number`, or the first device. It waits for the backend to connect, for at most ten
    /// seconds. A backend that comes later is connected while frames are received.
    ///
    /// The hardware address is `mac`, or that of the device. It stays the same even if the device is replaced by
    /// another. Buffers come from the guest's pool, and their tables from `memory`.
    ///
    /// # Errors
    /// See [`Error`]. A backend that does not connect is not an error.
    pub fn attach(
        guest: G,
        number: Option<u32>,
        mac: Option<MacAddr>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        Self::attach_with(guest, number, mac, false, memory)
    }

    /// Opens network device `number`, or the first device, as [`attach`](Self::attach) does, with the work on frames that
    /// the backend does if `offloads` is true: checksums, and TCP segments that are longer than the MTU, both
    /// ways. Without the feature `segmentation`, `offloads` has no effect.
    ///
    /// # Errors
    /// See [`Error`]. A backend that does not connect is not an error.
    // Not inlined, which keeps the stack frame of the program's main small.
    #[inline(never)]
    pub fn attach_with(
        guest: G,
        number: Option<u32>,
        mac: Option<MacAddr>,
        offloads: bool,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        Self::attach_at(guest, number, mac, offloads, memory, 0)
    }

    /// Attaches with indices of the rings that begin at `start`, as after that many frames. It is for tests.
    ///
    /// # Errors
    /// The interface cannot be opened.
    #[doc(hidden)]
    pub fn attach_at(
        guest: G,
        wanted: Option<u32>,
        mac: Option<MacAddr>,
        offloads: bool,
        memory: &'static Region<'static>,
        start: u32,
    ) -> Result<Self, Error> {
        let interface = Interface::new(&guest, wanted, offloads && SEGMENTS, memory, start)?;
        let mut netfront = Self { guest, interface };
        netfront.interface.open(&netfront.guest, mac)?;
        Ok(netfront)
    }

    /// Whether the interface is connected to its backend.
    pub fn is_connected(&self) -> bool {
        self.interface.is_connected()
    }

    /// The last protocol violation of a backend.
    pub fn last_violation(&self) -> Option<ProtocolViolation> {
        self.interface.last_violation
    }

    /// The reason why the last connection failed, if one did.
    pub fn last_error(&self) -> Option<Error> {
        self.interface.last_error
    }
}

impl Interface {
    /// Takes buffers, and watches for devices.
    // Not inlined, which keeps the stack frame of the program's main small. In a large frame, far offsets take longer
    // instructions.
    #[inline(never)]
    fn new(
        guest: &dyn Guest,
        wanted: Option<u32>,
        wants_offloads: bool,
        memory: &'static Region<'static>,
        start: u32,
    ) -> Result<Self, Error> {
        Ok(Self {
            wanted,
            device: None,
            front: Front::Closed,
            is_behind: true,
            waits_for_rings: false,
            port: None,
            rx: RxQueue::new(guest.pool(), memory, wants_offloads)?,
            tx: TxQueue::new(guest.pool(), memory, wants_offloads)?,
            mac: MacAddr::UNSPECIFIED,
            mtu: 0,
            offloads: wants_offloads.then_some(Offloads::NONE),
            start,
            counters: Counters::default(),
            last_error: None,
            last_violation: None,
            devices: guest.watch(format_args!("device/vif"))?,
        })
    }

    /// Finds the device, and waits for its backend.
    // Not inlined, which keeps the stack frame of the program's main small.
    #[inline(never)]
    fn open(&mut self, guest: &dyn Guest, mac: Option<MacAddr>) -> Result<(), Error> {
        self.begin(guest)?;
        let Some(device) = &self.device else { return Err(Error::NoDevice(self.wanted)) };
        let properties = device.properties(guest)?;
        self.mac = mac.unwrap_or(properties.mac);
        self.mtu = properties.mtu;
        let deadline = guest.now() + CONNECT_TIMEOUT;
        while !self.is_connected() && guest.now() < deadline {
            if self.has_news(guest) {
                self.follow(guest);
                if let Some(error) = self.last_error.take() {
                    return Err(error);
                }
            } else {
                guest.sleep(None, deadline);
            }
        }
        Ok(())
    }

    #[inline]
    fn is_connected(&self) -> bool {
        self.front == Front::Open
    }

    /// Whether a change in xenstore concerns this interface.
    #[inline]
    fn has_news(&self, guest: &(impl Guest + ?Sized)) -> bool {
        // Both watches are read, because reading clears them.
        let devices = guest.fired(&self.devices);
        let backend = self.device.as_ref().is_some_and(|device| guest.fired(&device.watch));
        devices | backend | self.is_behind | self.waits_for_rings
    }

    /// Notifies the backend of all published requests, if it asked for that.
    #[inline]
    fn notify(&mut self, guest: &impl Guest) -> Result<(), Broken> {
        let rx = self.rx.ring.as_mut().is_some_and(|ring| ring.must_notify());
        let tx = self.tx.ring.as_mut().is_some_and(|ring| ring.must_notify());
        if rx | tx
            && let Some(port) = self.port
        {
            self.counters.notifications += 1;
            guest.notify(port)?;
        }
        Ok(())
    }

    /// Publishes the buffers that are free again.
    #[inline]
    pub(crate) fn show_buffers(&mut self, batch: u32) {
        if let Some(ring) = &mut self.rx.ring
            && ring.unpublished() >= batch
        {
            ring.publish();
        }
    }

    /// The last check before the runtime sleeps while there is no connection.
    #[cold]
    fn rest<T>(&mut self, guest: &dyn Guest) -> Rx<T> {
        if self.front != Front::Offered {
            // No event tells when a backend releases a page.
            self.sweep(guest);
        }
        if self.is_behind { Rx::Handled } else { Rx::Idle }
    }

    /// The last check before the runtime sleeps while there is nothing to receive. Returns whether there is something
    /// after all.
    fn settle(&mut self, guest: &impl Guest) -> Result<bool, Broken> {
        self.rx.refill(guest);
        self.tx.refill(guest);
        self.show_buffers(1);
        self.notify(guest)?;
        let Some(ring) = &mut self.rx.ring else { return Ok(false) };
        let settled = match ring.final_check() {
            Ok(false) if SEGMENTS && self.offloads.is_some() => self.tx.settle(&mut self.counters),
            settled => settled,
        };
        Ok(settled.unwrap_or_else(|violation| {
            self.fail_backend(guest, violation);
            true
        }))
    }
}

impl<G: Guest> Netif for Netfront<G> {
    type Error = Broken;
    type Event = Event;

    fn mac(&self) -> MacAddr {
        self.interface.mac
    }

    fn mtu(&self) -> usize {
        self.interface.mtu
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        self.interface.offloads()
    }

    fn room(&self) -> usize {
        match self.interface.is_connected() {
            true => self.interface.tx.room(self.interface.mtu + LARGEST_HEADER),
            false => 0,
        }
    }

    // Xenstore tells when it has changed.
    fn link_up(&self) -> bool {
        self.interface.is_connected()
    }

    fn event(&self) -> Event {
        Event(self.interface.port)
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Broken> {
        let Self { guest, interface } = self;
        if interface.has_news(guest) {
            interface.follow(guest);
        }
        if !interface.is_connected() {
            return Ok(interface.rest(guest));
        }
        // Notifies the backend of the frames that were sent since the last call, before any other work.
        interface.notify(guest)?;
        let longest = interface.mtu + LARGEST_HEADER;
        let joined = interface.offloads.is_some();
        match interface.rx.receive(guest, region, longest, joined, &mut interface.counters) {
            Ok(Received::Frame(frame)) => {
                interface.show_buffers(BATCH);
                Ok(Rx::Item(frame))
            }
            Ok(Received::Lost) => {
                interface.show_buffers(BATCH);
                Ok(Rx::Handled)
            }
            Ok(Received::Nothing) if interface.settle(guest)? || interface.is_behind => {
                Ok(Rx::Handled)
            }
            Ok(Received::Nothing) => Ok(Rx::Idle),
            Err(violation) => {
                interface.fail_backend(guest, violation);
                Ok(Rx::Handled)
            }
        }
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Broken> {
        let Self { guest, interface } = self;
        // One copy of the code serves all kinds of frames: only the code that copies them differs.
        interface.transmit(guest, &frame, offload)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interface { device, mac, .. } = &self.interface;
        // Without a device there is nothing to describe.
        let Some(device) = device else { return Ok(()) };
        layer::format_number(f, " on vif/", device.number.into())?;
        f.write_str(" ")?;
        fmt::Display::fmt(mac, f)
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.interface.counters.visit(visit);
    }
}

/// Closes the connection. Pages that the backend does not release are never used again.
impl<G: Guest> Drop for Netfront<G> {
    fn drop(&mut self) {
        self.interface.shut_down(&self.guest);
    }
}

impl<G: Guest> fmt::Debug for Netfront<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interface = &self.interface;
        f.debug_struct("Netfront")
            .field("device", &interface.device.as_ref().map(|device| device.number))
            .field("front", &interface.front)
            .field("port", &interface.port)
            .field("mac", &interface.mac)
            .field("mtu", &interface.mtu)
            .field("counters", &interface.counters)
            .field("last_error", &interface.last_error)
            .field("last_violation", &interface.last_violation)
            .finish_non_exhaustive()
    }
}
