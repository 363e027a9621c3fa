//! The queues of a core that does not have the device.

use core::fmt;

use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::{Exhausted, Region};

use crate::{
    DeviceError, OtherCore, ProtocolViolation,
    features::{EVENT_IDX, SEVERAL},
    pair::{Notify, Pair, Trouble},
    pairs::{Agreement, Lent, Pairs, Seat},
    rx::RxQueue,
    segments::SEGMENTS,
    tx::TxQueue,
};

/// The pair of queues of a core that is not the first, at the device of that one
/// ([`VirtioNet::attach_for_cores`](crate::VirtioNet::attach_for_cores)).
///
/// [`link_up`](Netif::link_up) says whether the device uses them. While it does not, nothing is received here, and what is sent is
/// lost, and counted. That changes in [`receive`](Netif::receive) alone.
pub struct Queues<G: OtherCore> {
    guest: G,
    pairs: &'static Pairs,
    seat: &'static Seat,
    pair: Pair,
    /// The epoch in which they were lent.
    epoch: u32,
    is_in_use: bool,
    /// Whether the device has violated the protocol here in this epoch.
    is_violated: bool,
}

/// Notifies the device on another core than the first.
struct Notifier<'g, G>(&'g G);

impl<G: OtherCore> Notify for Notifier<'_, G> {
    #[inline]
    fn notify(&mut self, queue: u16) {
        self.0.notify(queue);
    }
}

impl<G: OtherCore> Queues<G> {
    /// Those of this core, by its number from 1 on. `offloads` is what the first core has asked for. Buffers come from the guest's
    /// pool, and their tables from `memory`. `None` for a number that no other core than the first has.
    ///
    /// # Errors
    /// There is not enough memory.
    #[inline(never)]
    pub fn new(
        core: usize,
        guest: G,
        offloads: bool,
        memory: &'static Region<'static>,
        pairs: &'static Pairs,
    ) -> Result<Option<Self>, Exhausted> {
        let Some(seat) = pairs.seat(core) else { return Ok(None) };
        let offloads = offloads && SEGMENTS;
        let rx = RxQueue::new(guest.pool(), memory, offloads)?;
        let pair = Pair::new(core, rx, TxQueue::new(guest.pool(), memory, offloads)?);
        let mut queues =
            Self { guest, pairs, seat, pair, epoch: 0, is_in_use: false, is_violated: false };
        queues.look();
        Ok(Some(queues))
    }

    /// Looks whether the device uses these queues. If an epoch has begun, it does not: takes all pages back, and lends them anew.
    #[inline]
    fn look(&mut self) {
        let epoch = self.pairs.epoch();
        if epoch != self.epoch {
            self.lend(epoch);
        }
        self.is_in_use = epoch != 0 && !self.is_violated && self.pairs.in_use() == epoch;
    }

    #[cold]
    #[inline(never)]
    fn lend(&mut self, epoch: u32) {
        let Self { guest, pairs, seat, pair, .. } = self;
        pair.disconnect(guest);
        (self.epoch, self.is_violated) = (epoch, false);
        let Agreement { features, mtu, sizes } = pairs.agreement();
        if features & SEVERAL != SEVERAL {
            return;
        }
        pair.agree(features, mtu);
        let mut areas = [[0; 2]; 2];
        pair.begin(guest, |queue, buffers| {
            let queue = usize::from(queue);
            let (made, lent) = buffers.lend_rings(guest, sizes[queue], features & EVENT_IDX != 0);
            areas[queue] = lent;
            made
        });
        pair.show_buffers(1);
        pairs.lend(seat, epoch, Lent { areas, sizes });
        guest.wake_first();
    }

    #[inline(never)]
    fn send(&mut self, frame: &dyn Payload, offload: TxOffload) {
        let Self { guest, pair, .. } = self;
        match pair.transmit(&mut Notifier(&*guest), guest, frame, offload) {
            Ok(()) => {}
            // The device may be gone: the first core looks.
            Err(Trouble::Stuck) => {
                self.pairs.report();
                self.guest.wake_first();
            }
            Err(Trouble::Violation(violation)) => self.fail(violation),
        }
    }

    /// Has the first core reset the device, because it violated the protocol here.
    #[cold]
    fn fail(&mut self, _: ProtocolViolation) {
        self.pair.counters.device_violations += 1;
        (self.is_violated, self.is_in_use) = (true, false);
        self.pairs.report_violation();
        self.guest.wake_first();
    }
}

impl<G: OtherCore> Netif for Queues<G> {
    type Error = DeviceError;
    type Event = G::Event;

    /// The first core knows it.
    fn mac(&self) -> MacAddr {
        MacAddr::UNSPECIFIED
    }

    fn mtu(&self) -> usize {
        self.pair.terms.mtu
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        if SEGMENTS { self.pair.offloads } else { Offloads::NONE }
    }

    fn room(&self) -> usize {
        if self.is_in_use { self.pair.room() } else { 0 }
    }

    #[inline]
    fn link_up(&self) -> bool {
        self.is_in_use
    }

    fn event(&self) -> G::Event {
        self.guest.event()
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, DeviceError> {
        self.look();
        if !self.is_in_use {
            return Ok(Rx::Idle);
        }
        let Self { guest, pair, .. } = self;
        Ok(pair.receive(&mut Notifier(&*guest), guest, region).unwrap_or_else(|violation| {
            self.fail(violation);
            Rx::Handled
        }))
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), DeviceError> {
        if !self.is_in_use {
            self.pair.counters.tx_interface_down += 1;
            return Ok(());
        }
        // One copy of the code serves all kinds of frames.
        self.send(&frame, offload);
        Ok(())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.pair.counters.visit(visit);
    }
}

/// Takes all pages back if the device does not use them. Those that it may still use are never used again.
impl<G: OtherCore> Drop for Queues<G> {
    fn drop(&mut self) {
        if self.pairs.epoch() != self.epoch {
            self.pair.disconnect(&self.guest);
        }
    }
}

impl<G: OtherCore> fmt::Debug for Queues<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues")
            .field("epoch", &self.epoch)
            .field("is_in_use", &self.is_in_use)
            .field("counters", &self.pair.counters)
            .finish_non_exhaustive()
    }
}
