//! The first core's part in a device with a pair of rings for each core.

use rt_regions::{Exhausted, Pool, Region, RegionVec};
use rt_xen::{Guest, Store};

use crate::{
    Error,
    device::Device,
    pairs::{Agreement, Pairs, Taken},
    ring::FrontRing,
    rings::{Offered, Rings},
};

/// The rings of the other cores.
pub(crate) struct Spread {
    pairs: &'static Pairs,
    /// Those of the cores from 1 on.
    rings: RegionVec<'static, Rings>,
    /// What other cores have said was heard so far.
    heard: u32,
    /// The number of the offer, while they are offered.
    offer: Option<u32>,
}

/// What other cores say.
pub(crate) enum News {
    Nothing,
    /// The backend has violated the protocol in a ring of one.
    Violation,
    /// One cannot have the pair that the backend has been told of.
    Refused,
}

impl Spread {
    /// # Errors
    /// The pool has not so many pages, or their table does not fit into `memory`.
    pub(crate) fn new(
        pairs: &'static Pairs,
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        let count = pairs.seats().len();
        let mut rings = RegionVec::with_capacity(count, memory)?;
        for _ in 0..count {
            rings.push(Rings::new(pool, memory)?)?;
        }
        Ok(Self { pairs, rings, heard: 0, offer: None })
    }

    /// Whether another core has said something.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.pairs.news() != self.heard
    }

    /// Whether the backend was told of the rings of all cores.
    #[inline]
    pub(crate) fn is_offered(&self) -> bool {
        self.offer.is_some()
    }

    /// Hears what other cores say.
    pub(crate) fn hear(&mut self) -> News {
        self.heard = self.pairs.news();
        let is_violated = self.pairs.take_violation();
        match () {
            () if !self.is_offered() => News::Nothing,
            () if is_violated => News::Violation,
            () if self.pairs.is_refused() => News::Refused,
            () => News::Nothing,
        }
    }

    /// Tells the backend how many queues there are, and of the rings of all cores, if it has so many queues. Those of the first core are
    /// `first`. All rings are the first core's, see [`take_back`](Self::take_back).
    ///
    /// # Errors
    /// Xen or xenstore refuses, or the grant table has no room.
    pub(crate) fn offer(
        &mut self,
        guest: &dyn Store,
        device: &Device,
        agreement: Agreement,
        first: Offered,
    ) -> Result<(), Error> {
        let cores = self.rings.len() as u32 + 1;
        if self.pairs.is_refused() || device.most_queues(guest)? < cores {
            // What an earlier connection wrote may still be there.
            return Ok(device.write(guest, "multi-queue-num-queues", 1)?);
        }
        device.write_queue(guest, 0, first.told)?;
        self.pairs.agree(agreement);
        let offer = self.pairs.next();
        self.offer = Some(offer);
        for (number, rings) in (1..).zip(self.rings.iter_mut()) {
            let Some(seat) = self.pairs.seat(number) else { continue };
            let offered = rings.offer_for(number, guest, agreement.backend)?;
            let Offered { told, rings, port } = offered;
            let [tx, rx] = rings;
            // The backend may look before the other core does.
            // SAFETY: a page of the pool is aligned, and mapped for ever; it is those rings' alone, and the value is not kept.
            let _ = unsafe { FrontRing::<3>::new(tx, agreement.start) };
            // SAFETY: as above.
            let _ = unsafe { FrontRing::<2>::new(rx, agreement.start) };
            // SAFETY: pages of the pool; `take_back` does nothing with them before the seat is left.
            unsafe { seat.offer(offer, Taken { rings, port }) };
            device.write_queue(guest, number, told)?;
        }
        self.pairs.offered(offer);
        Ok(device.write(guest, "multi-queue-num-queues", cores)?)
    }

    /// Says that the backend is connected.
    pub(crate) fn open(&self) {
        if self.is_offered() {
            self.pairs.open();
        }
    }

    /// Says that the connection has ended, and closes the channels of the other cores.
    pub(crate) fn end(&mut self, guest: &dyn Guest) {
        if let Some(offer) = self.offer.take() {
            self.pairs.end(offer);
        }
        for rings in self.rings.iter_mut() {
            rings.close(guest);
        }
        self.take_back(guest);
    }

    /// Takes back the rings that their cores have left; returns whether all are back, from the backend too.
    pub(crate) fn take_back(&mut self, guest: &dyn Guest) -> bool {
        let mut all = true;
        for (rings, seat) in self.rings.iter_mut().zip(self.pairs.seats()) {
            all &= seat.is_left() && rings.take_back(guest);
        }
        all
    }
}
