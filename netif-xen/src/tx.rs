//! Transmitting: a fixed set of pages is lent to the backend for reading while the connection lasts, and each frame is
//! copied into it once.
//!
//! These pages hold frames that this backend was given before, or zeroes. The backend cannot see any other memory of
//! ours.

use layer::Payload;
use rt_regions::{Exhausted, PAGE_SIZE, Pool, Region};
use rt_xen::{Access, DomainId, GrantRef, Guest};

use crate::{
    Counters, Error, ProtocolViolation,
    buffer::Buffers,
    ring::{FrontRing, SIZE},
    wire::{TxRequest, TxResponse, tx_flag},
};

/// The smallest number of pages: as many as a frame of the largest MTU has.
const MIN_PAGES: usize = 16;

/// The largest number of pages: with two requests to a page, they fill the ring.
const MAX_PAGES: usize = SIZE as usize / 2;

/// The transmit side of an interface.
///
/// Each page has one room for a frame, or two if the MTU allows it: the fragments of the largest datagram fit at once
/// even into the queue of the smallest domain. The number of a room is the id of its request.
pub(crate) struct TxQueue {
    /// INVARIANT: the pages are lent for reading, or not lent.
    pub(crate) buffers: Buffers,
    /// INVARIANT: refers to the page of `buffers.ring`, which is lent while this is some.
    pub(crate) ring: Option<FrontRing<3>>,
    backend: DomainId,
    /// Which pages were lent for this connection.
    ours: [bool; MAX_PAGES],
    /// How many rooms a page has: 1 or 2.
    rooms_per_page: usize,
    /// Which rooms have an outstanding request.
    under_way: [bool; SIZE as usize],
    /// The rooms that are free, in the first `free_count` entries.
    ///
    /// INVARIANT: each is a room of a page that is lent, is there once, and has no request under way.
    free: &'static mut [u16],
    free_count: usize,
    /// How many rooms there are, free or with an outstanding request.
    usable: usize,
    /// Whether a frame has waited for room in vain, and half of the rooms have not been free since. Meanwhile, no other
    /// frame waits. So a backend that is stuck costs one wait, and one that answers too little costs one wait for every
    /// half a queue.
    has_given_up: bool,
}

impl TxQueue {
    /// Takes a twelfth of the pool for buffers, at least 16 pages and at most 128. The tables are in `memory`.
    pub(crate) fn new(
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        let count = (pool.pages() / 12).clamp(MIN_PAGES, MAX_PAGES);
        Ok(Self {
            free: memory.alloc_slice_with(2 * count, |_| 0)?,
            buffers: Buffers::new(count, pool, memory)?,
            ring: None,
            backend: DomainId(0),
            ours: [false; _],
            rooms_per_page: 1,
            under_way: [false; _],
            free_count: 0,
            usable: 0,
            has_given_up: false,
        })
    }

    /// Makes the ring, with indices from `start` on and no room for frames yet. Returns its grant. A frame has at most
    /// `longest` bytes.
    pub(crate) fn connect(
        &mut self,
        guest: &dyn Guest,
        backend: DomainId,
        longest: usize,
        start: u32,
    ) -> Result<GrantRef, Error> {
        let page = &mut self.buffers.ring;
        let grant = page.lend(guest, backend, Access::Write)?;
        // SAFETY: a page of the pool is aligned, and mapped for ever. It is that buffer's alone.
        let ring = unsafe { FrontRing::new(page.as_ptr(), start) };
        ring.never_notify();
        self.ring = Some(ring);
        self.backend = backend;
        self.rooms_per_page = if longest > PAGE_SIZE / 2 { 1 } else { 2 };
        self.under_way = [false; _];
        self.free_count = 0;
        self.usable = 0;
        self.ours = [false; _];
        Ok(grant)
    }

    /// Lends the pages that this connection does not have yet. Pages that the backend has kept from an earlier
    /// connection are left out until it releases them.
    #[cold]
    fn lend_pages(&mut self, guest: &dyn Guest) {
        for (number, (page, is_ours)) in
            self.buffers.pages.iter_mut().zip(&mut self.ours).enumerate()
        {
            if *is_ours
                || page.take_back(guest).is_err()
                || page.lend(guest, self.backend, Access::Read).is_err()
            {
                continue;
            }
            *is_ours = true;
            for room in 0..self.rooms_per_page {
                self.free[self.free_count] = (number * self.rooms_per_page + room) as u16;
                self.free_count += 1;
                self.usable += 1;
            }
        }
    }

    /// Removes the ring, and ends all grants that the backend has released.
    pub(crate) fn disconnect(&mut self, guest: &dyn Guest) {
        self.ring = None;
        self.free_count = 0;
        self.usable = 0;
        self.buffers.sweep(guest);
    }

    /// Copies a frame of at most 65,535 bytes and publishes it; returns whether there was room.
    ///
    /// # Errors
    /// The responses to earlier frames violate the protocol.
    pub(crate) fn send(
        &mut self,
        frame: &dyn Payload,
        length: usize,
        counters: &mut Counters,
    ) -> Result<bool, ProtocolViolation> {
        let room = self.room();
        let pieces = length.div_ceil(room);
        if self.free_count < pieces.max(self.usable / 2) {
            self.reap(counters)?;
        }
        if self.free_count >= self.usable.div_ceil(2) {
            self.has_given_up = false;
        }
        let Some(ring) = &mut self.ring else { return Ok(false) };
        if self.free_count < pieces {
            return Ok(false);
        }
        for piece in 0..pieces {
            self.free_count -= 1;
            let id = self.free[self.free_count];
            let (page, offset) = (
                &mut self.buffers.pages[usize::from(id) / self.rooms_per_page],
                usize::from(id) % self.rooms_per_page * room,
            );
            let start = piece * room;
            let size = (length - start).min(room);
            // SAFETY: the pages are lent for reading.
            frame.copy_to(start, unsafe { page.bytes(offset, size) });
            let Some(grant) = page.grant() else { return Ok(false) };
            let request = TxRequest {
                grant,
                offset: offset as u16,
                flags: if piece + 1 < pieces { tx_flag::MORE_DATA } else { 0 },
                id,
                size: if piece == 0 { length } else { size } as u16,
            };
            // There are no more rooms than slots, so there is a slot.
            if ring.push(request.emit()).is_some() {
                self.under_way[usize::from(id)] = true;
            }
        }
        ring.publish();
        Ok(true)
    }

    /// The size of a room in bytes.
    #[inline]
    fn room(&self) -> usize {
        PAGE_SIZE / self.rooms_per_page
    }

    /// Whether a frame of `length` bytes, for which there is no room, may wait for room: the backend holds rooms that
    /// it can give back, and is not known to be stuck.
    pub(crate) fn may_wait(&self, length: usize) -> bool {
        self.ring.is_some() && length.div_ceil(self.room()) <= self.usable && !self.has_given_up
    }

    /// Records that a frame has waited in vain.
    pub(crate) fn give_up(&mut self) {
        self.has_given_up = true;
    }

    /// Asks for an event at the next response; returns whether there is one already. A protocol violation counts as a
    /// response: the caller that takes it reports it.
    pub(crate) fn is_answered(&mut self) -> bool {
        self.ring.as_mut().is_none_or(|ring| ring.final_check().unwrap_or(true))
    }

    /// Takes the responses to frames that were sent.
    fn reap(&mut self, counters: &mut Counters) -> Result<(), ProtocolViolation> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        while let Some((_, words)) = ring.pop::<1>()? {
            let TxResponse { id, status } = TxResponse::parse(words);
            let Some(is_under_way @ true) = self.under_way.get_mut(usize::from(id)) else {
                return Err(ProtocolViolation::Id(id));
            };
            if status > 0 {
                return Err(ProtocolViolation::Status(status));
            }
            *is_under_way = false;
            counters.tx_refused += u64::from(status < 0);
            self.free[self.free_count] = id;
            self.free_count += 1;
        }
        // Responses are taken when a frame is sent. An event is only useful to a frame that waits.
        ring.never_notify();
        Ok(())
    }

    /// Whether so many requests were published since the backend was last notified that it should begin now.
    #[inline]
    pub(crate) fn is_half_unnotified(&self) -> bool {
        self.ring.as_ref().is_some_and(|ring| ring.unnotified() as usize > self.usable / 2)
    }

    /// Tries to lend the pages that are not lent for this connection.
    #[inline]
    pub(crate) fn refill(&mut self, guest: &dyn Guest) {
        if self.ring.is_some() && self.usable < self.buffers.pages.len() * self.rooms_per_page {
            self.lend_pages(guest);
        }
    }
}
