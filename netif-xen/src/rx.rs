//! Receiving: buffers stand in the ring, the backend fills them, and a filled page becomes a page of the
//! packet's region.

use core::{num::NonZeroU16, ptr};

use netif::{Checksums, RxFrame};
use rt_regions::{Exhausted, PAGE_SIZE, Pool, Region};
use rt_xen::{Access, DomainId, GrantRef, Guest};

use crate::{
    Counters, Error, ProtocolViolation,
    buffer::{Buffers, NAME},
    ring::{FrontRing, SIZE},
    segments::SEGMENTS,
    wire::{ExtraInfo, HEADER, RxRequest, RxResponse, rx_flag},
};

mod arriving;

use arriving::{Arriving, Fault};

/// The smallest number of buffers: as many as a frame of the largest MTU fills.
const MIN_PAGES: usize = 17;

/// The smallest number of buffers if frames are joined from TCP segments: twice as many as the longest one takes, with
/// its extra information.
const MIN_LONG_PAGES: usize = 36;

/// The state of a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The buffer is not in the ring: there was no connection or no grant, or the backend did not release it.
    Out,
    /// The buffer is in the ring.
    Posted,
    /// The buffer holds a piece of the frame that is arriving: `length` bytes from `offset` on.
    Piece { offset: u16, length: u16 },
    /// The buffer was used by an extra information.
    Extra,
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
    /// The state of each buffer.
    states: &'static mut [State],
    /// INVARIANT: refers to the page of `buffers.ring`, which is lent while this is some.
    pub(crate) ring: Option<FrontRing<2>>,
    backend: DomainId,
    /// The buffer in each slot of the ring.
    ///
    /// INVARIANT: of the slots whose requests are outstanding, each names another buffer, which is posted;
    /// so do the slots of the frame that is arriving.
    slots: &'static mut [u16; SIZE as usize],
    /// How many buffers are out.
    out: usize,
    arriving: Arriving,
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
        let count = (pool.pages() / 8).clamp(least, SIZE as usize);
        Ok(Self {
            states: memory.alloc_slice_with(count, |_| State::Out)?,
            slots: memory.alloc([0; SIZE as usize])?,
            buffers: Buffers::new(count, pool, memory)?,
            ring: None,
            backend: DomainId(0),
            out: count,
            arriving: Arriving::default(),
        })
    }

    /// Makes an empty ring with indices from `start` on. Returns its grant.
    pub(crate) fn connect(
        &mut self,
        guest: &dyn Guest,
        backend: DomainId,
        start: u32,
    ) -> Result<GrantRef, Error> {
        let page = &mut self.buffers.ring;
        let grant = page.lend(guest, backend, Access::Write)?;
        // SAFETY: a page of the pool is aligned, and mapped for ever. It is that buffer's alone.
        self.ring = Some(unsafe { FrontRing::new(page.as_ptr(), start) });
        self.backend = backend;
        Ok(grant)
    }

    /// Removes the ring, and ends all grants that the backend has released.
    pub(crate) fn disconnect(&mut self, guest: &dyn Guest) {
        self.ring = None;
        self.arriving = Arriving::default();
        self.states.fill(State::Out);
        self.out = self.states.len();
        self.buffers.sweep(guest);
    }

    /// Returns the next frame, or says that it was lost. It has at most `longest` bytes, or more if it was joined from TCP
    /// segments and that was agreed.
    #[inline]
    pub(crate) fn receive<'r>(
        &mut self,
        guest: &impl Guest,
        region: &'r Region<'_>,
        longest: usize,
        joined: bool,
        counters: &mut Counters,
    ) -> Result<Received<'r>, ProtocolViolation> {
        loop {
            let Some(ring) = &mut self.ring else { return Ok(Received::Nothing) };
            let Some((slot, words)) = ring.pop::<2>()? else {
                // The backend has used all buffers for pieces of one frame: the next piece can never come.
                let endless = self.arriving.slots > 0 && ring.outstanding() == 0;
                return if endless {
                    Err(ProtocolViolation::Endless)
                } else {
                    Ok(Received::Nothing)
                };
            };
            let response = RxResponse::parse(words);
            let id = self.slots[slot];
            if self.arriving.slots == 0 {
                check(response, id)?;
                if response.flags & (rx_flag::MORE_DATA | rx_flag::EXTRA_INFO) == 0 {
                    return Ok(self.single(guest, region, longest, counters, response));
                }
                self.arriving = Arriving { first: slot, ..Arriving::default() };
                self.arriving.flags = response.flags;
                self.arriving.extra = response.flags & rx_flag::EXTRA_INFO != 0;
                self.piece(guest, response);
            } else if self.arriving.extra {
                let extra = ExtraInfo::parse(words);
                if !matches!(extra.kind, ExtraInfo::GSO | ExtraInfo::HASH) {
                    return Err(ProtocolViolation::Extra(extra.kind));
                }
                if SEGMENTS && joined && extra.kind == ExtraInfo::GSO {
                    self.arriving.segment_size = Some(arriving::segment_size(extra)?);
                }
                self.arriving.slots += 1;
                self.arriving.extra = extra.more;
                self.states[usize::from(id)] = State::Extra;
            } else {
                check(response, id)?;
                if response.flags & rx_flag::EXTRA_INFO != 0 {
                    return Err(ProtocolViolation::Flags(response.flags));
                }
                self.piece(guest, response);
            }
            if !self.arriving.extra && !self.arriving.more {
                return Ok(self.assemble(guest, region, longest, counters));
            }
        }
    }

    /// Takes a frame in one piece, which is the common case: its page becomes the region's, and a fresh page replaces
    /// it. The response was checked.
    #[inline]
    fn single<'r>(
        &mut self,
        guest: &impl Guest,
        region: &'r Region<'_>,
        longest: usize,
        counters: &mut Counters,
        response: RxResponse,
    ) -> Received<'r> {
        let id = usize::from(response.id);
        let buffer = &mut self.buffers.pages[id];
        self.states[id] = State::Out;
        self.out += 1;
        if buffer.take_back(guest).is_err() {
            counters.rx_in_use += 1;
            return Received::Lost;
        }
        let frame = 'frame: {
            let Ok(length) = usize::try_from(response.status) else {
                counters.rx_errors += 1;
                break 'frame None;
            };
            if !is_frame(length, longest, counters) {
                break 'frame None;
            }
            let offset = usize::from(response.offset);
            if !region.pool().is_some_and(|pool| ptr::addr_eq(pool, guest.pool())) {
                // SAFETY: the page is not lent any more.
                let bytes = unsafe { buffer.bytes(offset, length) };
                break 'frame region.alloc_slice(bytes).map_err(|_| counters.rx_no_room += 1).ok();
            }
            let Ok(fresh) = guest.pool().page(NAME) else {
                counters.rx_no_room += 1;
                break 'frame None;
            };
            let page = buffer.exchange(fresh);
            // SAFETY: all of the page was written when it was lent, and it is not lent any more.
            match unsafe { region.adopt(page, offset + length) } {
                Ok(bytes) => Some(&mut bytes[offset..]),
                Err(_) => {
                    counters.rx_no_room += 1;
                    None
                }
            }
        };
        self.post(guest, id);
        match frame {
            Some(bytes) => finish(bytes, response.flags, None, counters),
            None => Received::Lost,
        }
    }

    /// Keeps a piece until the whole frame is there. The response was checked.
    fn piece(&mut self, guest: &impl Guest, response: RxResponse) {
        let id = usize::from(response.id);
        let arriving = &mut self.arriving;
        arriving.slots += 1;
        arriving.more = response.flags & rx_flag::MORE_DATA != 0;
        let length = response.status.max(0).unsigned_abs();
        arriving.length += usize::from(length);
        self.states[id] = State::Piece { offset: response.offset, length };
        if self.buffers.pages[id].take_back(guest).is_err() {
            arriving.fault = Some(Fault::InUse);
        } else if response.status < 0 {
            arriving.fault = arriving.fault.or(Some(Fault::Backend));
        }
    }

    /// Copies the pieces of the frame into one, and posts their pages again.
    // Not inlined: most frames are one piece.
    #[inline(never)]
    fn assemble<'r>(
        &mut self,
        guest: &impl Guest,
        region: &'r Region<'_>,
        longest: usize,
        counters: &mut Counters,
    ) -> Received<'r> {
        let arriving = core::mem::take(&mut self.arriving);
        let frame = match arriving.fault {
            Some(Fault::Backend) => {
                counters.rx_errors += 1;
                None
            }
            Some(Fault::InUse) => {
                counters.rx_in_use += 1;
                None
            }
            None if !is_frame(arriving.length, arriving.longest(longest), counters) => None,
            None => match region.alloc_slice_with(arriving.length, |_| 0) {
                Ok(bytes) => Some(bytes),
                Err(_) => {
                    counters.rx_no_room += 1;
                    None
                }
            },
        };
        let mut written = 0;
        let mut frame = frame;
        for number in 0..arriving.slots {
            let id = usize::from(self.slots[(arriving.first + number) % SIZE as usize]);
            let buffer = &mut self.buffers.pages[id];
            if let (Some(bytes), State::Piece { offset, length }) = (&mut frame, self.states[id]) {
                let end = written + usize::from(length);
                // SAFETY: a frame of whose pages one is still lent is not copied.
                let piece = unsafe { buffer.bytes(offset.into(), length.into()) };
                bytes[written..end].copy_from_slice(piece);
                written = end;
            }
            self.states[id] = State::Out;
        }
        self.out += arriving.slots;
        // This is done last: a slot that is used again must not be read any more.
        for number in 0..arriving.slots {
            let id = usize::from(self.slots[(arriving.first + number) % SIZE as usize]);
            if self.buffers.pages[id].take_back(guest).is_ok() {
                self.post(guest, id);
            }
        }
        match frame {
            Some(bytes) => finish(bytes, arriving.flags, arriving.segment_size, counters),
            None => Received::Lost,
        }
    }

    /// Puts a buffer that is out, and whose page is not lent, into the ring. It stays out if there is no
    /// room in the grant table.
    #[inline]
    fn post(&mut self, guest: &(impl Guest + ?Sized), id: usize) {
        let buffer = &mut self.buffers.pages[id];
        let Some(ring) = &mut self.ring else { return };
        let Ok(grant) = buffer.lend(guest, self.backend, Access::Write) else { return };
        // There are as many slots as buffers at least, and the request of each is outstanding once.
        if let Some(slot) = ring.push(RxRequest { id: id as u16, grant }.emit()) {
            self.slots[slot] = id as u16;
            self.states[id] = State::Posted;
            self.out -= 1;
        }
    }

    /// Tries to post the buffers that are out.
    #[inline]
    pub(crate) fn refill(&mut self, guest: &dyn Guest) {
        if self.out > 0 {
            self.post_all(guest);
        }
    }

    #[cold]
    fn post_all(&mut self, guest: &dyn Guest) {
        for id in 0..self.states.len() {
            let buffer = &mut self.buffers.pages[id];
            if self.states[id] == State::Out && buffer.take_back(guest).is_ok() {
                self.post(guest, id);
            }
        }
    }
}

/// Checks a response against its request.
#[inline]
fn check(response: RxResponse, asked: u16) -> Result<(), ProtocolViolation> {
    if response.id != asked {
        return Err(ProtocolViolation::Id(response.id));
    }
    if response.flags & !rx_flag::KNOWN != 0 {
        return Err(ProtocolViolation::Flags(response.flags));
    }
    let length = response.status.max(0).unsigned_abs();
    if usize::from(response.offset) + usize::from(length) > PAGE_SIZE {
        return Err(ProtocolViolation::Bounds(response.offset, length));
    }
    Ok(())
}

/// Whether a frame can have this length in bytes. If not, counts it.
#[inline]
fn is_frame(length: usize, longest: usize, counters: &mut Counters) -> bool {
    if length < HEADER {
        counters.rx_too_short += 1;
    } else if length > longest {
        counters.rx_too_long += 1;
    }
    (HEADER..=longest).contains(&length)
}

#[inline]
fn finish<'r>(
    bytes: &'r [u8],
    flags: u16,
    segment_size: Option<NonZeroU16>,
    counters: &mut Counters,
) -> Received<'r> {
    counters.frames_rx += 1;
    counters.bytes_rx += bytes.len() as u64;
    let checksums = if flags & rx_flag::CSUM_BLANK != 0 {
        Checksums::Blank
    } else if flags & rx_flag::DATA_VALIDATED != 0 {
        Checksums::Verified
    } else {
        Checksums::NotChecked
    };
    Received::Frame(RxFrame { bytes, checksums, segment_size })
}
