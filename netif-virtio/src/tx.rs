//! Transmitting: a fixed set of pages is lent to the device for reading while it is ready, and each frame is copied into
//! them once, with its header before it.
//!
//! These pages hold frames that this device was given before, or zeroes. The device is told of no other memory of ours.

use layer::{Payload, TxOffload};
use netif::{Family, Rooms};
use rt_regions::{Exhausted, PAGE_SIZE, Pool, Region};
use zerocopy::IntoBytes;

use crate::{
    Access, Guest, ProtocolViolation,
    buffer::Buffers,
    header::{HEADER, Header},
    queue::{Descriptor, MAX_SIZE, Queue, flag},
    segments::SEGMENTS,
};

/// The smallest number of pages: as many as a frame of the largest MTU has with its header.
const MIN_PAGES: usize = 17;

/// The largest number of pages: with two rooms to a page, they fill the queue.
const MAX_PAGES: usize = MAX_SIZE as usize / 2;

/// A room that is the first of a frame with the device has the number of rooms of that frame here, others have 0.
type Chain = u16;

/// The transmit side of an interface.
///
/// Each page has one room for a frame, or two if the MTU allows it. Room `n` always has descriptor `n`, and a frame that
/// takes several rooms is a chain of descriptors. So an indirect table would save nothing.
pub(crate) struct TxQueue {
    /// INVARIANT: the pages are lent for reading, or not lent.
    pub(crate) buffers: Buffers,
    /// INVARIANT: refers to the pages of `buffers.rings`, which are lent while this is some.
    pub(crate) queue: Option<Queue>,
    chains: &'static mut [Chain],
    /// The room that follows each room in the chain of a frame.
    next: &'static mut [u16],
    rooms: Rooms,
}

impl TxQueue {
    /// Takes a twelfth of the pool for buffers, at least 17 pages and at most 128, or twice as much if TCP segments may be
    /// `long`. The tables are in `memory`.
    pub(crate) fn new(
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
        long: bool,
    ) -> Result<Self, Exhausted> {
        let mut count = (pool.pages() / 12).clamp(MIN_PAGES, MAX_PAGES);
        if SEGMENTS && long {
            count *= 2;
        }
        Ok(Self {
            rooms: Rooms::new(2 * count, memory)?,
            chains: memory.alloc_slice_with(2 * count, |_| 0)?,
            next: memory.alloc_slice_with(2 * count, |_| 0)?,
            buffers: Buffers::new(count, pool, memory)?,
            queue: None,
        })
    }

    /// Lends the pages to the device, as many as the queue has descriptors for. A frame has at most `longest` bytes.
    pub(crate) fn fill(&mut self, guest: &impl Guest, longest: usize) {
        let Some(queue) = &mut self.queue else { return };
        // What was sent is taken back when a frame is sent. An interrupt is only useful to a frame that waits.
        queue.never_interrupt();
        self.rooms.clear();
        self.rooms.per_page = if HEADER + longest > PAGE_SIZE / 2 { 1 } else { 2 };
        let most = usize::from(queue.size()) / self.rooms.per_page;
        for (number, page) in self.buffers.named().iter_mut().take(most).enumerate() {
            page.lend(guest, Access::Read);
            for room in 0..self.rooms.per_page {
                self.rooms.add((number * self.rooms.per_page + room) as u16);
            }
        }
    }

    /// Takes all pages back. The device was reset.
    pub(crate) fn disconnect(&mut self, guest: &impl Guest) {
        self.queue = None;
        self.rooms.clear();
        self.chains.fill(0);
        self.buffers.take_back(guest);
    }

    /// How many rooms a frame of this length in bytes takes.
    #[inline]
    fn pieces(&self, length: usize) -> usize {
        (HEADER + length).div_ceil(self.rooms.size())
    }

    /// Copies a frame of at most 65,535 bytes and publishes it; returns whether there was room. `offload` is what the
    /// device does with it; it can do that.
    ///
    /// # Errors
    /// What the device says of earlier frames violates the protocol.
    pub(crate) fn send(
        &mut self,
        frame: &dyn Payload,
        length: usize,
        offload: TxOffload,
    ) -> Result<bool, ProtocolViolation> {
        let pieces = self.pieces(length);
        if self.rooms.free() < pieces.max(self.rooms.usable() / 2) {
            self.reap()?;
        }
        let rooms = &mut self.rooms;
        if rooms.free() >= rooms.usable().div_ceil(2) {
            rooms.has_given_up = false;
        }
        let Some(queue) = &mut self.queue else { return Ok(false) };
        if rooms.free() < pieces {
            return Ok(false);
        }
        let header = match (offload.checksum, offload.segment_size) {
            (Some(checksum), Some(size)) if SEGMENTS => {
                Header::segments(frame, Family::of(frame), checksum, size)
            }
            (Some(checksum), None) if SEGMENTS => Header::partial(checksum),
            _ => Header::WHOLE,
        };
        let size = rooms.size();
        let head = rooms.take();
        let (mut room, mut copied) = (head, 0);
        for piece in 0..pieces {
            let (page, start) = (
                &mut self.buffers.pages[usize::from(room) / rooms.per_page],
                usize::from(room) % rooms.per_page * size,
            );
            let before = if piece == 0 { HEADER } else { 0 };
            let count = (length - copied).min(size - before);
            // SAFETY: the pages are lent for reading.
            let bytes = unsafe { page.bytes(start, before + count) };
            bytes[..before].copy_from_slice(&header.as_bytes()[..before]);
            frame.copy_to(copied, &mut bytes[before..]);
            copied += count;
            let address = page.address().unwrap_or_default() + start as u64;
            let is_last = piece + 1 == pieces;
            // There are as many free rooms as pieces.
            let next = if is_last { head } else { rooms.take() };
            let flags = if is_last { 0 } else { flag::NEXT };
            let length = (before + count) as u32;
            queue.describe(room, Descriptor { address, length, flags, next });
            self.next[usize::from(room)] = next;
            room = next;
        }
        // There are no more rooms than places in the queue, so there is a place.
        if queue.push(head) {
            self.chains[usize::from(head)] = pieces as Chain;
        }
        queue.publish();
        Ok(true)
    }

    /// How many frames of `longest` bytes there is room for. A TCP segment that the device cuts takes no more room than as
    /// many frames as come of it.
    pub(crate) fn room(&self, longest: usize) -> usize {
        self.rooms.free() / self.pieces(longest)
    }

    /// Takes back what the device has sent, and asks for an interrupt at the next one if less than half of the queue is
    /// free. Returns whether one has come meanwhile.
    pub(crate) fn settle(&mut self) -> Result<bool, ProtocolViolation> {
        if self.rooms.free() == self.rooms.usable() {
            return Ok(false);
        }
        self.reap()?;
        match &mut self.queue {
            Some(queue) if self.rooms.free() < self.rooms.usable() / 2 => queue.final_check(),
            _ => Ok(false),
        }
    }

    /// Whether a frame of `length` bytes, for which there is no room, may wait for room: the device holds rooms that it can
    /// give back, and is not known to be stuck.
    pub(crate) fn may_wait(&self, length: usize) -> bool {
        self.queue.is_some()
            && self.pieces(length) <= self.rooms.usable()
            && !self.rooms.has_given_up
    }

    /// Records that a frame has waited in vain.
    pub(crate) fn give_up(&mut self) {
        self.rooms.has_given_up = true;
    }

    /// Asks for an interrupt at the next used buffer; returns whether there is one already. A protocol violation counts as
    /// one: the caller that takes it reports it.
    pub(crate) fn is_answered(&mut self) -> bool {
        self.queue.as_mut().is_none_or(|queue| queue.final_check().unwrap_or(true))
    }

    /// Takes back the rooms of frames that the device has sent.
    ///
    /// The length of a used buffer is not looked at: nothing depends on it, and devices differ (Cloud Hypervisor has the
    /// length of the frame there, though it has written nothing).
    fn reap(&mut self) -> Result<(), ProtocolViolation> {
        let Some(queue) = &mut self.queue else { return Ok(()) };
        while let Some(used) = queue.pop()? {
            let count = usize::try_from(used.id).ok().and_then(|id| self.chains.get_mut(id));
            let Some(count @ 1..) = count.map(core::mem::take) else {
                return Err(ProtocolViolation::Id(used.id));
            };
            let mut room = used.id as u16;
            for _ in 0..count {
                self.rooms.give_back(room);
                room = self.next[usize::from(room)];
            }
        }
        Ok(())
    }

    /// Whether so many frames were published since the device was last notified that it should begin now.
    #[inline]
    pub(crate) fn is_half_unnotified(&self) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| usize::from(queue.unnotified()) > self.rooms.usable() / 2)
    }
}
