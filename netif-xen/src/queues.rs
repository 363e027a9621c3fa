//! The rings of a core that does not have the device.

use core::fmt;

use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::{Exhausted, Region};
use rt_xen::{Event, OtherCore};

use crate::{
    Broken, Pairs,
    pair::{Pair, Trouble},
    pairs::{Agreement, Seat, Taken, Word},
    rings::Offered,
    segments::SEGMENTS,
};

/// The pair of queues of a core that is not the first, at the device of that one
/// ([`Netfront::attach_for_cores`](crate::Netfront::attach_for_cores)).
///
/// [`link_up`](Netif::link_up) says whether the backend uses them. While it does not, nothing is received here, and what is sent is
/// lost, and counted. That changes in [`receive`](Netif::receive) alone.
pub struct Queues<G: OtherCore> {
    guest: G,
    pairs: &'static Pairs,
    seat: &'static Seat,
    pair: Pair,
    /// The last that was heard of the connection.
    heard: Word,
    /// The number of the offer whose pair this core has.
    taken: Option<u32>,
    is_open: bool,
    /// Whether the backend has violated the protocol here in this connection.
    is_violated: bool,
}

impl<G: OtherCore> Queues<G> {
    /// Those of this core, by its number from 1 on. `offloads` is what the first core has asked for. Buffers come from the guest's
    /// pool, and their tables from `memory`. `None` for a number that no other core than the first has.
    ///
    /// # Errors
    /// There is not enough memory. The first core is told, and asks for one queue.
    #[inline(never)]
    pub fn new(
        core: usize,
        guest: G,
        offloads: bool,
        memory: &'static Region<'static>,
        pairs: &'static Pairs,
    ) -> Result<Option<Self>, Exhausted> {
        let Some(seat) = pairs.seat(core) else { return Ok(None) };
        let pair = Pair::new(&guest, memory, offloads && SEGMENTS).inspect_err(|_| {
            pairs.refuse();
            guest.wake_first();
        })?;
        let (heard, taken) = (pairs.now(), None);
        let mut queues =
            Self { guest, pairs, seat, pair, heard, taken, is_open: false, is_violated: false };
        queues.follow(heard);
        Ok(Some(queues))
    }

    /// Looks what became of the connection.
    #[inline]
    fn look(&mut self) {
        let now = self.pairs.now();
        if now != self.heard {
            self.follow(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn follow(&mut self, now: Word) {
        self.heard = now;
        self.leave(now);
        if now.is_offered()
            && self.taken.is_none()
            && let Some(taken) = self.seat.take(now.offer())
        {
            self.begin(now.offer(), taken);
        }
        self.is_open = now.is_open() && self.taken.is_some() && !self.is_violated;
    }

    /// Leaves the pair that this core has, if its connection has ended.
    fn leave(&mut self, now: Word) {
        if let Some(offer) = self.taken
            && !(now.is_offered() && now.offer() == offer)
        {
            self.is_open = false;
            self.pair.disconnect(&self.guest);
            self.taken = None;
            self.seat.leave(offer);
            // It may be what the first core waits for.
            self.pairs.report();
            self.guest.wake_first();
        }
    }

    /// Begins with the pair of this offer.
    fn begin(&mut self, offer: u32, Taken { rings, port }: Taken) {
        // The backend was told by the first core.
        let offered = Offered { told: [0; 3], rings, port };
        let Agreement { backend, start, mtu, offloads } = self.pairs.agreement();
        (self.taken, self.is_violated) = (Some(offer), false);
        self.pair.mtu = mtu;
        // If this core has not asked for work, it has buffers for frames that nobody has joined.
        self.pair.offloads = self.pair.offloads.and(offloads);
        // SAFETY: they are this core's by the invariant of what was taken, until the seat is left.
        unsafe { self.pair.begin(&self.guest, offered, backend, start) };
        self.pair.show_buffers(1);
    }

    #[inline(never)]
    fn send(&mut self, frame: &dyn Payload, offload: TxOffload) {
        let is_open = self.is_open;
        if let Err(trouble) = self.pair.transmit(&self.guest, is_open, frame, offload) {
            self.see_to(trouble);
        }
    }

    /// Has the first core close the connection, if the backend has violated the protocol here.
    #[cold]
    fn see_to(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Violation(_) => {
                self.pair.counters.backend_violations += 1;
                (self.is_violated, self.is_open) = (true, false);
                self.pairs.report_violation();
            }
            // The first core has closed the channel, which is said soon, or is in the same trouble.
            Trouble::Broken(_) => self.pairs.report(),
        }
        self.guest.wake_first();
    }
}

impl<G: OtherCore> Netif for Queues<G> {
    type Error = Broken;
    type Event = Event;

    /// The first core knows it.
    fn mac(&self) -> MacAddr {
        MacAddr::UNSPECIFIED
    }

    fn mtu(&self) -> usize {
        self.pair.mtu
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        self.pair.offloads()
    }

    fn room(&self) -> usize {
        if self.is_open { self.pair.room() } else { 0 }
    }

    #[inline]
    fn link_up(&self) -> bool {
        self.is_open
    }

    fn event(&self) -> Event {
        Event(self.pair.port)
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Broken> {
        self.look();
        if !self.is_open {
            return Ok(Rx::Idle);
        }
        Ok(self.pair.receive(&self.guest, region).unwrap_or_else(|trouble| {
            self.see_to(trouble);
            Rx::Handled
        }))
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Broken> {
        // One copy of the code serves all kinds of frames.
        self.send(&frame, offload);
        Ok(())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.pair.counters.visit(visit);
    }
}

/// Ends all grants of pages that the backend has released, if the connection has ended. What it may still use is never used again.
impl<G: OtherCore> Drop for Queues<G> {
    fn drop(&mut self) {
        self.leave(self.pairs.now());
        if self.taken.is_none() {
            self.pair.sweep(&self.guest);
        }
    }
}

impl<G: OtherCore> fmt::Debug for Queues<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues")
            .field("taken", &self.taken)
            .field("is_open", &self.is_open)
            .field("counters", &self.pair.counters)
            .finish_non_exhaustive()
    }
}
