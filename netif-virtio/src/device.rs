//! The interface: receives and sends frames, and looks at the device when it has changed.

use core::{fmt, mem::ManuallyDrop};

use layer::{Counter, Instant, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::Region;
use virtio_drivers::transport::Transport;

use crate::{
    DeviceError, Error, Guest, ProtocolViolation,
    link::State,
    negotiation,
    pair::{Pair, Trouble},
    rx::RxQueue,
    segments::SEGMENTS,
    tx::TxQueue,
};
#[cfg(feature = "cores")]
use crate::{pairs::Pairs, spread::Spread};

/// A virtio network device.
pub struct VirtioNet<T: Transport, G: Guest> {
    /// It is dropped after the device has confirmed a reset. That of a device which is gone is not: what it does when it is
    /// dropped may wait for the device for ever.
    transport: ManuallyDrop<T>,
    guest: G,
    interface: Interface,
}

/// The parts of [`VirtioNet`] that do not depend on the types of the transport and the guest.
pub(crate) struct Interface {
    pub(crate) state: State,
    /// When the device was last reset to be made ready.
    pub(crate) last_attempt: Option<Instant>,
    /// The queues of the first core, or of the only one.
    pub(crate) pair: Pair,
    /// Those of the other cores.
    #[cfg(feature = "cores")]
    pub(crate) spread: Option<Spread>,
    /// The hardware address that was given, or that of the first device.
    pub(crate) wanted_mac: Option<MacAddr>,
    pub(crate) mac: MacAddr,
    /// Whether the device is asked for work on frames, and may leave such work to us.
    pub(crate) wants_offloads: bool,
    /// Whether the device says if the link is up.
    pub(crate) has_link_status: bool,
    pub(crate) is_link_up: bool,
    pub(crate) last_error: Option<DeviceError>,
    pub(crate) last_violation: Option<ProtocolViolation>,
}

impl<T: Transport, G: Guest> VirtioNet<T, G> {
    /// Opens the network device behind `transport`.
    ///
    /// The hardware address is `mac`, or that of the device. It stays the same even if the device says another one after a
    /// reset. Buffers come from the guest's pool, and their tables from `memory`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn attach(
        transport: T,
        guest: G,
        mac: Option<MacAddr>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        Self::attach_with(transport, guest, mac, false, memory)
    }

    /// Opens the network device behind `transport`, as [`attach`](Self::attach) does, with the work on frames that the
    /// device does if `offloads` is true: checksums, and TCP segments that are longer than the MTU, both ways.
    /// Without the feature `segmentation`, `offloads` has no effect.
    ///
    /// # Errors
    /// See [`Error`].
    // Not inlined, which keeps the stack frame of the program's main small.
    #[inline(never)]
    pub fn attach_with(
        transport: T,
        guest: G,
        mac: Option<MacAddr>,
        offloads: bool,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        let interface = Interface::new(&guest, mac, offloads && SEGMENTS, memory)?;
        Self::start(transport, guest, interface)
    }

    /// Opens the network device behind `transport`, as [`attach_with`](Self::attach_with) does, for the first of several cores. The
    /// others have their queues by [`Queues`](crate::Queues), from the same `pairs`. The device uses them as soon as all cores have
    /// lent theirs, if it can: until then, and if not, it has the queues of this core alone.
    ///
    /// # Errors
    /// See [`Error`].
    #[cfg(feature = "cores")]
    #[inline(never)]
    pub fn attach_for_cores(
        transport: T,
        guest: G,
        mac: Option<MacAddr>,
        offloads: bool,
        memory: &'static Region<'static>,
        pairs: &'static Pairs,
    ) -> Result<Self, Error> {
        let mut interface = Interface::new(&guest, mac, offloads && SEGMENTS, memory)?;
        interface.spread = Some(Spread::new(pairs, &guest, memory)?);
        Self::start(transport, guest, interface)
    }

    fn start(transport: T, guest: G, interface: Interface) -> Result<Self, Error> {
        // If the device cannot be used, the interface is dropped: it resets the device first.
        let mut opened = Self { transport: ManuallyDrop::new(transport), guest, interface };
        opened.interface.connect(&mut *opened.transport, &opened.guest)?;
        Ok(opened)
    }

    /// Whether the device is ready.
    pub fn is_ready(&self) -> bool {
        self.interface.is_ready()
    }

    /// The last protocol violation of the device.
    pub fn last_violation(&self) -> Option<ProtocolViolation> {
        self.interface.last_violation
    }

    /// The reason why the device was not made ready again, at the last attempt that failed.
    pub fn last_error(&self) -> Option<DeviceError> {
        self.interface.last_error
    }
}

impl Interface {
    /// Takes buffers.
    #[inline(never)]
    fn new(
        guest: &impl Guest,
        mac: Option<MacAddr>,
        wants_offloads: bool,
        memory: &'static Region<'static>,
    ) -> Result<Self, Error> {
        let now = guest.now();
        Ok(Self {
            state: State::Down(now, now),
            last_attempt: None,
            pair: Pair::new(
                #[cfg(feature = "cores")]
                0,
                RxQueue::new(guest.pool(), memory, wants_offloads)?,
                TxQueue::new(guest.pool(), memory, wants_offloads)?,
            ),
            #[cfg(feature = "cores")]
            spread: None,
            wanted_mac: mac,
            mac: MacAddr::UNSPECIFIED,
            wants_offloads,
            has_link_status: false,
            is_link_up: false,
            last_error: None,
            last_violation: None,
        })
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether the queues of other cores wait to be used, or one of them says that the device violated the protocol.
    #[inline]
    fn must_look_at_others(&self) -> bool {
        #[cfg(feature = "cores")]
        return self.spread.as_ref().is_some_and(Spread::has_news);
        #[cfg(not(feature = "cores"))]
        false
    }

    #[inline]
    fn is_spread(&self) -> bool {
        #[cfg(feature = "cores")]
        return self.spread.as_ref().is_some_and(Spread::is_in_use);
        #[cfg(not(feature = "cores"))]
        false
    }

    /// Looks at what other cores say, before a frame is received or sent.
    #[cold]
    fn look_at_others(&mut self, transport: &mut impl Transport, guest: &impl Guest) {
        #[cfg(feature = "cores")]
        self.hear_others(transport, guest);
        #[cfg(not(feature = "cores"))]
        let _ = (transport, guest);
    }
}

impl<T: Transport, G: Guest> Netif for VirtioNet<T, G> {
    type Error = DeviceError;
    type Event = G::Event;

    fn mac(&self) -> MacAddr {
        self.interface.mac
    }

    fn mtu(&self) -> usize {
        self.interface.pair.terms.mtu
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        // The compiler takes out of the layers above what no interface of the program does.
        if SEGMENTS { self.interface.pair.offloads } else { Offloads::NONE }
    }

    fn room(&self) -> usize {
        match self.interface.is_ready() {
            true => self.interface.pair.room(),
            false => 0,
        }
    }

    // An interrupt tells when it has changed.
    fn link_up(&self) -> bool {
        self.interface.is_ready() && self.interface.is_link_up
    }

    fn is_spread(&self) -> bool {
        self.interface.is_spread()
    }

    fn event(&self) -> G::Event {
        self.guest.event()
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, DeviceError> {
        let Self { transport, guest, interface } = self;
        let transport = &mut **transport;
        if guest.config_changed() {
            interface.look(transport, guest);
        }
        if interface.must_look_at_others() {
            interface.look_at_others(transport, guest);
        }
        if !interface.is_ready() {
            interface.revive(transport, guest)?;
            return Ok(Rx::Handled);
        }
        Ok(interface.pair.receive(transport, guest, region).unwrap_or_else(|violation| {
            interface.fail_device(guest, violation);
            Rx::Handled
        }))
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), DeviceError> {
        let Self { transport, guest, interface } = self;
        // One copy of the code serves all kinds of frames: only the code that copies them differs.
        interface.transmit(&mut **transport, guest, &frame, offload);
        Ok(())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.interface.pair.counters.visit(visit);
    }
}

impl Interface {
    /// Sends a frame.
    #[inline(never)]
    fn transmit(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
        frame: &dyn Payload,
        offload: TxOffload,
    ) {
        // What is sent before the queues of others are used would be lost when they are.
        if self.must_look_at_others() {
            self.look_at_others(transport, guest);
        }
        if self.is_ready() {
            match self.pair.transmit(transport, guest, frame, offload) {
                Ok(()) => return,
                // It may be gone: nothing else tells.
                Err(Trouble::Stuck) => return self.look(transport, guest),
                Err(Trouble::Violation(violation)) => self.fail_device(guest, violation),
            }
        }
        self.pair.counters.tx_interface_down += 1;
    }
}

/// Resets the device, and takes all pages back. Pages of a device that does not confirm the reset are never used again.
impl<T: Transport, G: Guest> Drop for VirtioNet<T, G> {
    fn drop(&mut self) {
        let Self { transport, guest, interface } = self;
        if negotiation::reset(&mut **transport, guest).is_err() {
            return;
        }
        interface.take_back(guest);
        #[cfg(feature = "cores")]
        if let Some(spread) = &interface.spread {
            spread.end();
        }
        // SAFETY: it is not used after this.
        unsafe { ManuallyDrop::drop(transport) };
    }
}

impl<T: Transport, G: Guest> fmt::Debug for VirtioNet<T, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interface = &self.interface;
        f.debug_struct("VirtioNet")
            .field("state", &interface.state)
            .field("mac", &interface.mac)
            .field("mtu", &interface.pair.terms.mtu)
            .field("offloads", &interface.pair.offloads)
            .field("is_link_up", &interface.is_link_up)
            .field("counters", &interface.pair.counters)
            .field("last_error", &interface.last_error)
            .field("last_violation", &interface.last_violation)
            .finish_non_exhaustive()
    }
}
