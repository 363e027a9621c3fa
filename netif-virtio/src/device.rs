//! The interface: receives and sends frames, and looks at the device when it has changed.

use core::{fmt, mem::ManuallyDrop};

use layer::{Counter, Instant, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::Region;
use virtio_drivers::transport::Transport;

use crate::{
    Counters, DeviceError, Error, Guest, ProtocolViolation,
    header::LARGEST_ETHERNET,
    link::State,
    negotiation::{self, RX, TX},
    rx::{Received, RxQueue, Terms},
    segments::SEGMENTS,
    tx::TxQueue,
};

mod room;
mod send;

/// How many receive buffers are made available before they are published, while frames are waiting.
const BATCH: u16 = 8;

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
    pub(crate) rx: RxQueue,
    pub(crate) tx: TxQueue,
    /// The hardware address that was given, or that of the first device.
    pub(crate) wanted_mac: Option<MacAddr>,
    pub(crate) mac: MacAddr,
    /// Whether the device is asked for work on frames, and may leave such work to us.
    pub(crate) wants_offloads: bool,
    pub(crate) terms: Terms,
    /// The work on frames that the device does.
    pub(crate) offloads: Offloads,
    /// Whether the device says if the link is up.
    pub(crate) has_link_status: bool,
    pub(crate) is_link_up: bool,
    pub(crate) counters: Counters,
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
    /// device does if `offloads` is true: checksums, and TCP segments over IPv4 that are longer than the MTU, both ways.
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
            rx: RxQueue::new(guest.pool(), memory, wants_offloads)?,
            tx: TxQueue::new(guest.pool(), memory, wants_offloads)?,
            wanted_mac: mac,
            mac: MacAddr::UNSPECIFIED,
            wants_offloads,
            terms: Terms { mtu: 0, spread: false, checksums: false, joined: false },
            offloads: Offloads::NONE,
            has_link_status: false,
            is_link_up: false,
            counters: Counters::default(),
            last_error: None,
            last_violation: None,
        })
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Notifies the device of all published buffers and frames, if it asked for that.
    #[inline]
    pub(crate) fn notify(&mut self, transport: &mut impl Transport) {
        for (number, queue) in [(RX, &mut self.rx.queue), (TX, &mut self.tx.queue)] {
            if queue.as_mut().is_some_and(|queue| queue.must_notify()) {
                self.counters.notifications += 1;
                transport.notify(number);
            }
        }
    }

    /// Publishes the buffers that are free again.
    #[inline]
    pub(crate) fn show_buffers(&mut self, batch: u16) {
        if let Some(queue) = &mut self.rx.queue
            && queue.unpublished() >= batch
        {
            queue.publish();
        }
    }

    /// The last check before the runtime sleeps while there is nothing to receive. Returns whether there is something after
    /// all.
    fn settle(&mut self, transport: &mut impl Transport, guest: &impl Guest) -> bool {
        self.show_buffers(1);
        self.notify(transport);
        let Some(queue) = &mut self.rx.queue else { return false };
        let settled = match queue.final_check() {
            Ok(false) => self.tx.settle(),
            settled => settled,
        };
        settled.unwrap_or_else(|violation| {
            self.fail_device(guest, violation);
            true
        })
    }
}

impl<T: Transport, G: Guest> Netif for VirtioNet<T, G> {
    type Error = DeviceError;
    type Event = G::Event;

    fn mac(&self) -> MacAddr {
        self.interface.mac
    }

    fn mtu(&self) -> usize {
        self.interface.terms.mtu
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        self.interface.offloads
    }

    fn room(&self) -> usize {
        match self.interface.is_ready() {
            true => self.interface.tx.room(self.interface.terms.mtu + LARGEST_ETHERNET),
            false => 0,
        }
    }

    // An interrupt tells when it has changed.
    fn link_up(&self) -> bool {
        self.interface.is_ready() && self.interface.is_link_up
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
        if !interface.is_ready() {
            interface.revive(transport, guest)?;
            return Ok(Rx::Handled);
        }
        // Notifies the device of the frames that were sent since the last call, before any other work.
        interface.notify(transport);
        let terms = interface.terms;
        match interface.rx.receive(guest, region, &terms, &mut interface.counters) {
            Ok(Received::Frame(frame)) => {
                interface.show_buffers(BATCH);
                Ok(Rx::Item(frame))
            }
            Ok(Received::Lost) => {
                interface.show_buffers(BATCH);
                Ok(Rx::Handled)
            }
            Ok(Received::Nothing) if interface.settle(transport, guest) => Ok(Rx::Handled),
            Ok(Received::Nothing) => Ok(Rx::Idle),
            Err(violation) => {
                interface.fail_device(guest, violation);
                Ok(Rx::Handled)
            }
        }
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), DeviceError> {
        let Self { transport, guest, interface } = self;
        // One copy of the code serves all kinds of frames: only the code that copies them differs.
        interface.transmit(&mut **transport, guest, &frame, offload);
        Ok(())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.interface.counters.visit(visit);
    }
}

/// Resets the device, and takes all pages back. Pages of a device that does not confirm the reset are never used again.
impl<T: Transport, G: Guest> Drop for VirtioNet<T, G> {
    fn drop(&mut self) {
        let Self { transport, guest, interface } = self;
        if negotiation::reset(&mut **transport, guest).is_err() {
            return;
        }
        interface.rx.disconnect(guest);
        interface.tx.disconnect(guest);
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
            .field("mtu", &interface.terms.mtu)
            .field("offloads", &interface.offloads)
            .field("is_link_up", &interface.is_link_up)
            .field("counters", &interface.counters)
            .field("last_error", &interface.last_error)
            .field("last_violation", &interface.last_violation)
            .finish_non_exhaustive()
    }
}
