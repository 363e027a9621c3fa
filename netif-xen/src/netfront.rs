//! The interface: receives and sends frames, and checks xenstore when it has changed.

use core::{fmt, time::Duration};

use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt::Config;
use rt_regions::Region;
use rt_xen::{Event, Store, Watch};

use crate::{
    Broken, Error, ProtocolViolation,
    device::{self, Device},
    pair::{Pair, Trouble},
    rings::Rings,
    segments::SEGMENTS,
    state::Front,
};
#[cfg(feature = "cores")]
use crate::{Pairs, spread::Spread};

/// How long [`Netfront::attach`] waits for the backend, whose host first runs a script.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A network device of Xen: an Ethernet link to the domain in which its backend runs.
pub struct Netfront<G: Store> {
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
    pub(crate) rings: Rings,
    pub(crate) pair: Pair,
    /// The pairs of the other cores.
    #[cfg(feature = "cores")]
    pub(crate) spread: Option<Spread>,
    /// Our hardware address. It is set by the first device, and is kept when another device replaces it.
    pub(crate) mac: MacAddr,
    /// Where the indices of the rings begin.
    pub(crate) start: u32,
    pub(crate) last_error: Option<Error>,
    pub(crate) last_violation: Option<ProtocolViolation>,
}

impl<G: Store> Netfront<G> {
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
        let number = number(config)?;
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

    /// Attaches as [`attach_with`](Self::attach_with) does, for several cores: if the backend has so many queues, each of the others has a
    /// pair of them, see [`Queues`](crate::Queues). The core that calls this has the device.
    ///
    /// # Errors
    /// See [`Error`]. A backend with fewer queues is not an error: it is asked for one.
    #[cfg(feature = "cores")]
    #[inline(never)]
    pub fn attach_for_cores(
        guest: G,
        number: Option<u32>,
        mac: Option<MacAddr>,
        offloads: bool,
        memory: &'static Region<'static>,
        pairs: &'static Pairs,
    ) -> Result<Self, Error> {
        let mut interface = Interface::new(&guest, number, offloads && SEGMENTS, memory, 0)?;
        interface.spread = Some(Spread::new(pairs, guest.pool(), memory)?);
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

/// The number of the device that the arguments name.
///
/// # Errors
/// Status 2: it is none, or the arguments ask for what is not in the image.
pub(crate) fn number(config: &Config) -> Result<Option<u32>, rt::Error> {
    if config.offloads && !SEGMENTS {
        return Err(rt::Error::new(2, "--offloads=on: not in this image"));
    }
    let number = config.interface.and_then(|name| device::number(name.as_bytes()));
    if let (Some(name), None) = (config.interface, number) {
        let error = Error::Name(name);
        return Err(rt::Error::new(2, format_args!("--interface={name}: {error}")));
    }
    Ok(number)
}

impl Interface {
    /// Takes buffers, and watches for devices.
    // Not inlined, which keeps the stack frame of the program's main small. In a large frame, far offsets take longer
    // instructions.
    #[inline(never)]
    fn new(
        guest: &dyn Store,
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
            pair: Pair::new(guest, memory, wants_offloads)?,
            rings: Rings::new(guest.pool(), memory)?,
            #[cfg(feature = "cores")]
            spread: None,
            mac: MacAddr::UNSPECIFIED,
            start,
            last_error: None,
            last_violation: None,
            devices: guest.watch(format_args!("device/vif"))?,
        })
    }

    /// Finds the device, and waits for its backend.
    // Not inlined, which keeps the stack frame of the program's main small.
    #[inline(never)]
    fn open(&mut self, guest: &dyn Store, mac: Option<MacAddr>) -> Result<(), Error> {
        self.begin(guest)?;
        let Some(device) = &self.device else { return Err(Error::NoDevice(self.wanted)) };
        let properties = device.properties(guest)?;
        self.mac = mac.unwrap_or(properties.mac);
        self.pair.mtu = properties.mtu;
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
    fn has_news(&self, guest: &(impl Store + ?Sized)) -> bool {
        // Both watches are read, because reading clears them.
        let devices = guest.fired(&self.devices);
        let backend = self.device.as_ref().is_some_and(|device| guest.fired(&device.watch));
        devices | backend | self.is_behind | self.waits_for_rings
    }

    /// The last check before the runtime sleeps while there is no connection.
    #[cold]
    fn rest<T>(&mut self, guest: &dyn Store) -> Rx<T> {
        if self.front != Front::Offered {
            // No event tells when a backend releases a page.
            self.sweep(guest);
        }
        if self.is_behind { Rx::Handled } else { Rx::Idle }
    }

    /// Sends a frame.
    #[inline(never)]
    fn transmit(
        &mut self,
        guest: &impl Store,
        frame: &dyn Payload,
        offload: TxOffload,
    ) -> Result<(), Broken> {
        let is_connected = self.is_connected();
        let result = self.pair.transmit(guest, is_connected, frame, offload);
        result.or_else(|trouble| self.see_to(guest, trouble))
    }

    /// Closes the connection if the backend has violated the protocol.
    ///
    /// # Errors
    /// Xen refuses to notify it.
    #[cold]
    fn see_to(&mut self, guest: &dyn Store, trouble: Trouble) -> Result<(), Broken> {
        match trouble {
            Trouble::Violation(violation) => {
                self.fail_backend(guest, violation);
                Ok(())
            }
            Trouble::Broken(broken) => Err(broken),
        }
    }
}

impl<G: Store> Netif for Netfront<G> {
    type Error = Broken;
    type Event = Event;

    fn mac(&self) -> MacAddr {
        self.interface.mac
    }

    fn mtu(&self) -> usize {
        self.interface.pair.mtu
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        self.interface.pair.offloads()
    }

    fn room(&self) -> usize {
        match self.interface.is_connected() {
            true => self.interface.pair.room(),
            false => 0,
        }
    }

    // Xenstore tells when it has changed.
    fn link_up(&self) -> bool {
        self.interface.is_connected()
    }

    #[cfg(feature = "cores")]
    fn is_spread(&self) -> bool {
        let interface = &self.interface;
        interface.is_connected() && interface.spread.as_ref().is_some_and(Spread::is_offered)
    }

    fn event(&self) -> Event {
        Event(self.interface.pair.port)
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Broken> {
        let Self { guest, interface } = self;
        #[cfg(feature = "cores")]
        if interface.spread.as_ref().is_some_and(Spread::has_news) {
            interface.hear(guest);
        }
        if interface.has_news(guest) {
            interface.follow(guest);
        }
        if !interface.is_connected() {
            return Ok(interface.rest(guest));
        }
        match interface.pair.receive(guest, region) {
            Ok(Rx::Idle) if interface.is_behind => Ok(Rx::Handled),
            Ok(received) => Ok(received),
            Err(trouble) => interface.see_to(guest, trouble).map(|()| Rx::Handled),
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
        self.interface.pair.counters.visit(visit);
    }
}

/// Closes the connection. Pages that the backend does not release are never used again.
impl<G: Store> Drop for Netfront<G> {
    fn drop(&mut self) {
        self.interface.shut_down(&self.guest);
    }
}

impl<G: Store> fmt::Debug for Netfront<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interface = &self.interface;
        f.debug_struct("Netfront")
            .field("device", &interface.device.as_ref().map(|device| device.number))
            .field("front", &interface.front)
            .field("port", &interface.pair.port)
            .field("mac", &interface.mac)
            .field("mtu", &interface.pair.mtu)
            .field("counters", &interface.pair.counters)
            .field("last_error", &interface.last_error)
            .field("last_violation", &interface.last_violation)
            .finish_non_exhaustive()
    }
}
