//! Transmitting: a fixed set of pages is lent to the backend for reading while the connection lasts, and each frame is
//! copied into it once.
//!
//! These pages hold frames that this backend was given before, or zeroes. The backend cannot see any other memory of
//! ours.

use layer::{Payload, TxOffload};
use netif::{Family, Rooms};
use rt_regions::{Exhausted, PAGE_SIZE, Pool, Region};
use rt_xen::{Access, DomainId, GrantRef, Guest};

use crate::{
    Counters, Error, ProtocolViolation,
    buffer::Buffers,
    ring::{FrontRing, SIZE},
    segments::SEGMENTS,
    wire::{ExtraInfo, TxRequest, TxResponse, tx_flag},
};

/// The smallest number of pages: as many as a frame of the largest MTU has.
const MIN_PAGES: usize = 16;

/// The largest number of pages: with two requests to a page, they fill the ring.
const MAX_PAGES: usize = SIZE as usize / 2;

/// The largest number of pages if TCP segments may be longer than the MTU: with one request to a page, there are a few
/// more slots in the ring for extra informations.
const MAX_LONG_PAGES: usize = SIZE as usize - 16;

/// The transmit side of an interface.
///
/// Each page has one room for a frame, or two if the MTU allows it: the fragments of the largest datagram fit at once
/// even into the queue of the smallest domain. The number of a room is the id of its request.
///
/// Backends take at most 18 requests for a frame (`XEN_NETIF_NR_SLOTS_MIN`, `netif.h`). So where a TCP segment may have
/// 64 KiB, each page has one room, and there are twice as many pages.
pub(crate) struct TxQueue {
    /// INVARIANT: the pages are lent for reading, or not lent.
    pub(crate) buffers: Buffers,
    /// INVARIANT: refers to the page of `buffers.ring`, which is lent while this is some.
    pub(crate) ring: Option<FrontRing<3>>,
    backend: DomainId,
    /// Which pages were lent for this connection.
    ours: [bool; if SEGMENTS { MAX_LONG_PAGES } else { MAX_PAGES }],
    /// Which rooms have an outstanding request.
    under_way: [bool; SIZE as usize],
    rooms: Rooms,
    /// How many extra informations have not been answered.
    extras: u32,
}

impl TxQueue {
    /// Takes a twelfth of the pool for buffers, at least 16 pages and at most 128, or twice as much if TCP segments may be
    /// `long`, but at most 240 pages. The tables are in `memory`.
    pub(crate) fn new(
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
        long: bool,
    ) -> Result<Self, Exhausted> {
        let mut count = (pool.pages() / 12).clamp(MIN_PAGES, MAX_PAGES);
        if SEGMENTS && long {
            count = (2 * count).min(MAX_LONG_PAGES);
        }
        Ok(Self {
            rooms: Rooms::new(2 * count, memory)?,
            buffers: Buffers::new(count, pool, memory)?,
            ring: None,
            backend: DomainId(0),
            ours: [false; _],
            under_way: [false; _],
            extras: 0,
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
        self.rooms.per_page = if longest > PAGE_SIZE / 2 { 1 } else { 2 };
        if SEGMENTS {
            self.extras = 0;
        }
        self.under_way = [false; _];
        self.rooms.clear();
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
            for room in 0..self.rooms.per_page {
                self.rooms.add((number * self.rooms.per_page + room) as u16);
            }
        }
    }

    /// Removes the ring, and ends all grants that the backend has released.
    pub(crate) fn disconnect(&mut self, guest: &dyn Guest) {
        self.ring = None;
        self.rooms.clear();
        self.buffers.sweep(guest);
    }

    /// Copies a frame of at most 65,535 bytes and publishes it; returns whether there was room. `offload` is what the
    /// backend does with it; it can do that.
    ///
    /// # Errors
    /// The responses to earlier frames violate the protocol.
    pub(crate) fn send(
        &mut self,
        frame: &dyn Payload,
        length: usize,
        offload: TxOffload,
        counters: &mut Counters,
    ) -> Result<bool, ProtocolViolation> {
        let room = self.rooms.size();
        let pieces = length.div_ceil(room);
        let segment_size = offload.segment_size.filter(|_| SEGMENTS);
        if self.rooms.free() < pieces.max(self.rooms.usable() / 2)
            || !self.has_slots(pieces, segment_size.is_some())
        {
            self.reap(counters)?;
        }
        let has_slots = self.has_slots(pieces, segment_size.is_some());
        let rooms = &mut self.rooms;
        if rooms.free() >= rooms.usable().div_ceil(2) {
            rooms.has_given_up = false;
        }
        let Some(ring) = &mut self.ring else { return Ok(false) };
        if rooms.free() < pieces || !has_slots {
            return Ok(false);
        }
        let mut flags = 0;
        if SEGMENTS && offload.checksum.is_some() {
            flags |= tx_flag::CSUM_BLANK | tx_flag::DATA_VALIDATED;
        }
        if segment_size.is_some() {
            flags |= tx_flag::EXTRA_INFO;
        }
        for piece in 0..pieces {
            let id = rooms.take();
            let (page, offset) = (
                &mut self.buffers.pages[usize::from(id) / rooms.per_page],
                usize::from(id) % rooms.per_page * room,
            );
            let start = piece * room;
            let size = (length - start).min(room);
            // SAFETY: the pages are lent for reading.
            frame.copy_to(start, unsafe { page.bytes(offset, size) });
            let Some(grant) = page.grant() else { return Ok(false) };
            let request = TxRequest {
                grant,
                offset: offset as u16,
                flags: flags | if piece + 1 < pieces { tx_flag::MORE_DATA } else { 0 },
                id,
                size: if piece == 0 { length } else { size } as u16,
            };
            // There are no more rooms than slots, so there is a slot.
            if ring.push(request.emit()).is_some() {
                self.under_way[usize::from(id)] = true;
            }
            if let Some(size) = segment_size.filter(|_| piece == 0)
                && ring.push(ExtraInfo::tcp_segments(Family::of(frame), size)).is_some()
            {
                self.extras += 1;
            }
            // They are about the whole frame, and stand at its beginning.
            flags = 0;
        }
        ring.publish();
        Ok(true)
    }

    /// Whether the ring has slots for so many pieces and, if there is one, for an extra information. Without these there
    /// are as many slots as rooms at least.
    #[inline]
    fn has_slots(&self, pieces: usize, extra: bool) -> bool {
        !SEGMENTS
            || self.ring.as_ref().is_some_and(|ring| {
                (SIZE - ring.outstanding()) as usize >= pieces + usize::from(extra)
            })
    }

    /// How many frames of `longest` bytes there is room for. A TCP segment that the backend cuts takes no more room than as many
    /// frames as come of it.
    pub(crate) fn room(&self, longest: usize) -> usize {
        let slots = self.ring.as_ref().map_or(0, |ring| SIZE - ring.outstanding());
        self.rooms.free().min(slots as usize) / longest.div_ceil(self.rooms.size())
    }

    /// Takes the responses that are there, and asks for an event at the next one if less than half of the queue is free.
    /// Returns whether one has come meanwhile.
    pub(crate) fn settle(&mut self, counters: &mut Counters) -> Result<bool, ProtocolViolation> {
        if self.rooms.free() == self.rooms.usable() {
            return Ok(false);
        }
        self.reap(counters)?;
        match &mut self.ring {
            Some(ring) if self.rooms.free() < self.rooms.usable() / 2 => ring.final_check(),
            _ => Ok(false),
        }
    }

    /// Whether a frame of `length` bytes, for which there is no room, may wait for room: the backend holds rooms that
    /// it can give back, and is not known to be stuck.
    pub(crate) fn may_wait(&self, length: usize) -> bool {
        self.ring.is_some()
            && length.div_ceil(self.rooms.size()) <= self.rooms.usable()
            && !self.rooms.has_given_up
    }

    /// Records that a frame has waited in vain.
    pub(crate) fn give_up(&mut self) {
        self.rooms.has_given_up = true;
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
            if SEGMENTS && status == TxResponse::OF_EXTRA && self.extras > 0 {
                self.extras -= 1;
                continue;
            }
            let Some(is_under_way @ true) = self.under_way.get_mut(usize::from(id)) else {
                return Err(ProtocolViolation::Id(id));
            };
            if status > 0 {
                return Err(ProtocolViolation::Status(status));
            }
            *is_under_way = false;
            counters.tx_refused += u64::from(status < 0);
            self.rooms.give_back(id);
        }
        // Responses are taken when a frame is sent. An event is only useful to a frame that waits.
        ring.never_notify();
        Ok(())
    }

    /// Whether so many requests were published since the backend was last notified that it should begin now.
    #[inline]
    pub(crate) fn is_half_unnotified(&self) -> bool {
        self.ring.as_ref().is_some_and(|ring| ring.unnotified() as usize > self.rooms.usable() / 2)
    }

    /// Tries to lend the pages that are not lent for this connection.
    #[inline]
    pub(crate) fn refill(&mut self, guest: &dyn Guest) {
        if self.ring.is_some()
            && self.rooms.usable() < self.buffers.pages.len() * self.rooms.per_page
        {
            self.lend_pages(guest);
        }
    }
}
