//! Receiving: buffers stand in the queue, the device fills them, and a filled page becomes a page of the packet's region.
//!
//! Buffer `n` always has descriptor `n`.

use core::{num::NonZeroU16, ptr};

use netif::{Checksums, RxFrame};
use rt_regions::{Exhausted, PAGE_SIZE, Pool, Region};
use zerocopy::FromBytes;

use crate::{
    Access, Counters, Guest, ProtocolViolation,
    buffer::{Buffers, NAME},
    header::{ETHERNET, HEADER, Header, Joined, LARGEST_ETHERNET},
    queue::{Descriptor, MAX_SIZE, Queue, Used, flag},
    segments::{LONGEST, SEGMENTS},
};

/// The smallest number of buffers: as many as a frame of the largest MTU fills with its header.
const MIN_PAGES: usize = 17;

/// The smallest number of buffers if frames are joined from TCP segments: twice as many as the longest one takes.
const MIN_LONG_PAGES: usize = 36;

/// A buffer that a frame is spread over.
#[derive(Clone, Copy, Default)]
struct Piece {
    id: u16,
    /// The number of bytes, with the header in the first one. At most a page.
    length: u16,
}

/// What was agreed with the device about received frames.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// The MTU in bytes.
    pub(crate) mtu: usize,
    /// Frames may be spread over several buffers.
    pub(crate) spread: bool,
    /// The device says what it knows of checksums.
    pub(crate) checksums: bool,
    /// Frames may be joined from TCP segments.
    pub(crate) joined: Joined,
}

impl Terms {
    /// The length in bytes of the longest frame that was joined from segments of this size, or was not joined. The segments
    /// are no longer than the MTU.
    #[inline]
    fn longest(&self, segment_size: Option<NonZeroU16>) -> usize {
        match segment_size {
            Some(size) if SEGMENTS && usize::from(size.get()) <= self.mtu => {
                LONGEST + LARGEST_ETHERNET
            }
            _ => self.mtu + LARGEST_ETHERNET,
        }
    }
}

/// The result of receiving.
pub(crate) enum Received<'r> {
    /// A frame.
    Frame(RxFrame<'r>),
    /// A frame that was lost and counted.
    Lost,
    /// No frame is there.
    Nothing,
}

/// The receive side of an interface.
pub(crate) struct RxQueue {
    pub(crate) buffers: Buffers,
    /// Which buffers are with the device.
    posted: &'static mut [bool],
    /// The buffers of the frame that is taken, if it may be several.
    pieces: &'static mut [Piece],
    /// INVARIANT: refers to the pages of `buffers.rings`, which are lent while this is some.
    pub(crate) queue: Option<Queue>,
}

impl RxQueue {
    /// Takes an eighth of the pool for buffers, at least 17 (36 if frames may be `joined` from TCP segments) and at most
    /// 256. The tables are in `memory`.
    pub(crate) fn new(
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
        joined: bool,
    ) -> Result<Self, Exhausted> {
        let least = if SEGMENTS && joined { MIN_LONG_PAGES } else { MIN_PAGES };
        let count = (pool.pages() / 8).clamp(least, MAX_SIZE.into());
        Ok(Self {
            posted: memory.alloc_slice_with(count, |_| false)?,
            pieces: memory
                .alloc_slice_with(if SEGMENTS { count } else { 0 }, |_| Piece::default())?,
            buffers: Buffers::new(count, pool, memory)?,
            queue: None,
        })
    }

    /// Posts buffers, as many as the queue has descriptors.
    pub(crate) fn fill(&mut self, guest: &impl Guest) {
        let size = self.queue.as_ref().map_or(0, Queue::size);
        for id in 0..self.posted.len().min(size.into()) {
            self.post(guest, id);
        }
    }

    /// Takes all pages back. The device was reset.
    pub(crate) fn disconnect(&mut self, guest: &impl Guest) {
        self.queue = None;
        self.posted.fill(false);
        self.buffers.take_back(guest);
    }

    /// Returns the next frame, or says that it was lost.
    #[inline]
    pub(crate) fn receive<'r>(
        &mut self,
        guest: &impl Guest,
        region: &'r Region<'_>,
        terms: &Terms,
        counters: &mut Counters,
    ) -> Result<Received<'r>, ProtocolViolation> {
        let Some(queue) = &mut self.queue else { return Ok(Received::Nothing) };
        let Some(used) = queue.pop()? else { return Ok(Received::Nothing) };
        let first = self.take(guest, used)?;
        if usize::from(first.length) < HEADER {
            return Err(ProtocolViolation::Length(used.length));
        }
        // SAFETY: `take` has taken the page back.
        let bytes = unsafe { self.buffers.pages[usize::from(first.id)].bytes(0, HEADER) };
        let Ok(header) = Header::read_from_bytes(bytes) else {
            return Err(ProtocolViolation::Length(used.length));
        };
        let joined = if SEGMENTS { terms.joined } else { Joined::NEVER };
        let segment_size = header.segment_size(joined)?;
        // Devices that do not spread frames have left this field as it was (QEMU before 10).
        let count = if SEGMENTS && terms.spread { header.buffers() } else { 1 };
        let longest = terms.longest(segment_size);
        let frame = if count == 1 {
            self.single(guest, region, first, longest, counters)
        } else {
            self.assemble(guest, region, first, count, longest, counters)?
        };
        let Some(bytes) = frame else { return Ok(Received::Lost) };
        counters.frames_rx += 1;
        counters.bytes_rx += bytes.len() as u64;
        let checksums: Checksums = header.checksums(terms.checksums);
        Ok(Received::Frame(RxFrame { bytes, checksums, segment_size }))
    }

    /// Checks a used buffer, and takes its page back.
    #[inline]
    fn take(&mut self, guest: &impl Guest, used: Used) -> Result<Piece, ProtocolViolation> {
        let id = used.id as usize;
        let Some(is_posted @ true) = self.posted.get_mut(id) else {
            return Err(ProtocolViolation::Id(used.id));
        };
        if used.length == 0 || used.length as usize > PAGE_SIZE {
            return Err(ProtocolViolation::Length(used.length));
        }
        *is_posted = false;
        self.buffers.pages[id].take_back(guest);
        Ok(Piece { id: id as u16, length: used.length as u16 })
    }

    /// Takes a frame in one piece, which is the common case: its page becomes the region's, and a fresh page replaces it.
    #[inline]
    fn single<'r>(
        &mut self,
        guest: &impl Guest,
        region: &'r Region<'_>,
        Piece { id, length }: Piece,
        longest: usize,
        counters: &mut Counters,
    ) -> Option<&'r [u8]> {
        let (id, length) = (usize::from(id), usize::from(length));
        let buffer = &mut self.buffers.pages[id];
        let frame = 'frame: {
            if !is_frame(length - HEADER, longest, counters) {
                break 'frame None;
            }
            if !region.pool().is_some_and(|pool| ptr::addr_eq(pool, guest.pool())) {
                // SAFETY: the page is not lent any more.
                let bytes = unsafe { buffer.bytes(HEADER, length - HEADER) };
                break 'frame region.alloc_slice(bytes).ok().map(|bytes| &*bytes);
            }
            let Ok(fresh) = guest.pool().page(NAME) else { break 'frame None };
            let page = buffer.exchange(fresh);
            // SAFETY: all of the page was written when it was lent, and it is not lent any more.
            unsafe { region.adopt(page, length) }.ok().map(|bytes| &bytes[HEADER..])
        };
        if frame.is_none() && (ETHERNET..=longest).contains(&(length - HEADER)) {
            counters.rx_no_room += 1;
        }
        self.post(guest, id);
        frame
    }

    /// Copies the buffers of a frame into one piece, and posts them again.
    // Not inlined: most frames are one piece.
    #[inline(never)]
    fn assemble<'r>(
        &mut self,
        guest: &impl Guest,
        region: &'r Region<'_>,
        first: Piece,
        count: u16,
        longest: usize,
        counters: &mut Counters,
    ) -> Result<Option<&'r [u8]>, ProtocolViolation> {
        if count == 0 {
            return Err(ProtocolViolation::Buffers(count));
        }
        let mut length = usize::from(first.length) - HEADER;
        self.pieces[0] = first;
        for number in 1..usize::from(count) {
            let Some(queue) = &mut self.queue else { return Ok(None) };
            // All buffers of a frame are used at once (5.1.6.4.1).
            let Some(used) = queue.pop()? else {
                return Err(ProtocolViolation::Buffers(count));
            };
            // Each is another buffer, so there is a place for it.
            let piece = self.take(guest, used)?;
            length += usize::from(piece.length);
            self.pieces[number] = piece;
        }
        let mut frame = match is_frame(length, longest, counters) {
            false => None,
            true => match region.alloc_slice_with(length, |_| 0) {
                Ok(bytes) => Some(bytes),
                Err(_) => {
                    counters.rx_no_room += 1;
                    None
                }
            },
        };
        let mut written = 0;
        for number in 0..usize::from(count) {
            let Piece { id, length } = self.pieces[number];
            let offset = if number == 0 { HEADER } else { 0 };
            let length = usize::from(length) - offset;
            if let Some(bytes) = &mut frame {
                // SAFETY: `take` has taken the page back.
                let piece = unsafe { self.buffers.pages[usize::from(id)].bytes(offset, length) };
                bytes[written..written + length].copy_from_slice(piece);
                written += length;
            }
            self.post(guest, id.into());
        }
        Ok(frame.map(|bytes| &*bytes))
    }

    /// Puts a buffer that is not with the device into the queue.
    #[inline]
    fn post(&mut self, guest: &impl Guest, id: usize) {
        let Some(queue) = &mut self.queue else { return };
        let address = self.buffers.pages[id].lend(guest, Access::Write);
        let length = PAGE_SIZE as u32;
        queue.describe(id as u16, Descriptor { address, length, flags: flag::WRITE, next: 0 });
        // There are as many places as descriptors, and each is posted once.
        self.posted[id] = queue.push(id as u16);
    }
}

/// Whether a frame can have this length in bytes. If not, counts it.
#[inline]
fn is_frame(length: usize, longest: usize, counters: &mut Counters) -> bool {
    if length < ETHERNET {
        counters.rx_too_short += 1;
    } else if length > longest {
        counters.rx_too_long += 1;
    }
    (ETHERNET..=longest).contains(&length)
}
