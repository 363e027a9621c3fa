//! What the cores of a program share of a device with a pair of rings for each of them: atomics alone.
//!
//! The first core has the device, and the pages of all rings. It offers them all to the backend at once, and a core takes its pair when
//! it looks ([`Seat::take`]). When the connection ends, the first core says so ([`Pairs::end`]); each core leaves its pair when it looks
//! again ([`Seat::leave`]), and until then the first core does nothing with the pages. So a core that computes for long delays the
//! next connection, and a pair that was never taken does not.

use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering},
};

use layer::Offloads;
use rt_regions::{Exhausted, Region};
use rt_xen::{DomainId, Port};

/// What was agreed with the backend, as far as the rings of other cores depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) backend: DomainId,
    /// Where the indices of the rings begin.
    pub(crate) start: u32,
    /// The MTU in bytes.
    pub(crate) mtu: usize,
    /// The work on frames that this backend does, if it may be asked for that.
    pub(crate) offloads: Option<Offloads>,
}

/// The bits of [`Agreement::to_words`]: backends may be asked for work, and what this one does.
const ASKED: u64 = 1;
const CHECKSUM: u64 = 1 << 1;
const TCP: u64 = 1 << 2;
const TCP_IPV6: u64 = 1 << 3;

impl Agreement {
    /// Two words: the backend above the start, the bits above the MTU.
    fn to_words(self) -> [u64; 2] {
        let bit = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let bits = self.offloads.map_or(0, |offloads| {
            ASKED
                | bit(offloads.checksum, CHECKSUM)
                | bit(offloads.tcp_segmentation, TCP)
                | bit(offloads.tcp_segmentation_ipv6, TCP_IPV6)
        });
        let first = u64::from(self.backend.0) << 32 | u64::from(self.start);
        [first, bits << 32 | self.mtu as u64 & u64::from(u32::MAX)]
    }

    fn from_words([first, second]: [u64; 2]) -> Self {
        let has = |bit: u64| second >> 32 & bit != 0;
        Self {
            backend: DomainId((first >> 32) as u16),
            start: first as u32,
            mtu: second as u32 as usize,
            offloads: has(ASKED).then(|| Offloads {
                checksum: has(CHECKSUM),
                tcp_segmentation: has(TCP),
                tcp_segmentation_ipv6: has(TCP_IPV6),
                ..Offloads::NONE
            }),
        }
    }
}

/// The two lowest bits of a word are what is said of an offer, the others are its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u32);

/// Nothing was offered yet.
const NOTHING: u32 = 0;
/// Offered to the backend, which has not connected yet; or of a seat, not taken yet.
const OFFERED: u32 = 1;
/// The backend is connected; or of a seat, taken.
const OPEN: u32 = 2;
/// The connection has ended; or of a seat, left, or never taken.
const ENDED: u32 = 3;

impl Word {
    const NOTHING: Self = Self(NOTHING);

    const fn of(offer: u32, what: u32) -> Self {
        Self(offer << 2 | what)
    }

    /// The number of the offer.
    pub(crate) const fn offer(self) -> u32 {
        self.0 >> 2
    }

    const fn what(self) -> u32 {
        self.0 & 3
    }

    /// Whether the rings of the offer may be used, though perhaps nobody is connected yet.
    pub(crate) const fn is_offered(self) -> bool {
        matches!(self.what(), OFFERED | OPEN)
    }

    /// Whether the backend is connected.
    pub(crate) const fn is_open(self) -> bool {
        self.what() == OPEN
    }
}

/// The pair of a core that is not the first.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Whose the pair is, see [`Word`].
    state: AtomicU32,
    /// The pages of both rings, first that of what is sent.
    ///
    /// INVARIANT: while the pair is offered or taken, pages of the pool that nobody on the first core touches.
    rings: [AtomicPtr<u8>; 2],
    port: AtomicU32,
}

/// A pair that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// The pages of both rings, first that of what is sent.
    ///
    /// INVARIANT: of the pool of the first core, mapped for ever, and touched by nobody else until the seat is left.
    pub(crate) rings: [NonNull<u8>; 2],
    pub(crate) port: Port,
}

impl Seat {
    fn new() -> Self {
        Self {
            state: AtomicU32::new(ENDED),
            rings: [const { AtomicPtr::new(ptr::null_mut()) }; 2],
            port: AtomicU32::new(0),
        }
    }

    /// Takes the pair of this offer, if it is still there.
    pub(crate) fn take(&self, offer: u32) -> Option<Taken> {
        let (from, to) = (Word::of(offer, OFFERED).0, Word::of(offer, OPEN).0);
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        let [tx, rx] =
            [0, 1].map(|ring: usize| NonNull::new(self.rings[ring].load(Ordering::Relaxed)));
        Some(Taken { rings: [tx?, rx?], port: Port(self.port.load(Ordering::Relaxed)) })
    }

    /// Leaves the pair that was taken. Nothing of it is touched any more.
    pub(crate) fn leave(&self, offer: u32) {
        self.state.store(Word::of(offer, ENDED).0, Ordering::Release);
    }

    // The first core.

    /// Whether nobody has the pair: then its pages are the first core's again.
    pub(crate) fn is_left(&self) -> bool {
        Word(self.state.load(Ordering::Acquire)).what() == ENDED
    }

    /// Offers a pair that nobody has.
    ///
    /// # Safety
    /// Its rings are whole pages of the pool, and nobody on the first core touches them until it [is left](Self::is_left).
    pub(crate) unsafe fn offer(&self, offer: u32, Taken { rings, port }: Taken) {
        for (place, ring) in self.rings.iter().zip(rings) {
            place.store(ring.as_ptr(), Ordering::Relaxed);
        }
        self.port.store(port.0, Ordering::Relaxed);
        self.state.store(Word::of(offer, OFFERED).0, Ordering::Release);
    }

    /// Takes back a pair that nobody has taken.
    fn withdraw(&self, offer: u32) {
        let (from, to) = (Word::of(offer, OFFERED).0, Word::of(offer, ENDED).0);
        let _ = self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// What the cores of a program share of a network device that has a pair of queues for each of them.
#[derive(Debug)]
pub struct Pairs {
    /// The last offer, and what became of it, see [`Word`].
    now: AtomicU32,
    agreement: [AtomicU64; 2],
    /// How often another core had something to say.
    news: AtomicU32,
    /// Whether the backend has violated the protocol in a ring of another core.
    is_violated: AtomicBool,
    /// Whether another core cannot have a pair.
    is_refused: AtomicBool,
    seats: &'static [Seat],
}

impl Pairs {
    /// Those of a program with so many cores, in `memory`.
    ///
    /// # Errors
    /// There is no room.
    pub fn new(cores: usize, memory: &'static Region<'static>) -> Result<&'static Self, Exhausted> {
        let seats = memory.alloc_slice_with(cores.saturating_sub(1), |_| Seat::new())?;
        Ok(memory.alloc(Self {
            now: AtomicU32::new(Word::NOTHING.0),
            agreement: [const { AtomicU64::new(0) }; 2],
            news: AtomicU32::new(0),
            is_violated: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            seats,
        })?)
    }

    /// The seats of all cores but the first.
    pub(crate) fn seats(&self) -> &'static [Seat] {
        self.seats
    }

    /// The place of a core; `None` for the first one.
    pub(crate) fn seat(&self, core: usize) -> Option<&'static Seat> {
        self.seats.get(core.checked_sub(1)?)
    }

    /// The last offer, and what became of it.
    #[inline]
    pub(crate) fn now(&self) -> Word {
        Word(self.now.load(Ordering::Acquire))
    }

    /// What was agreed for the offer whose pair was just taken.
    pub(crate) fn agreement(&self) -> Agreement {
        Agreement::from_words([0, 1].map(|at: usize| self.agreement[at].load(Ordering::Relaxed)))
    }

    /// How often another core had something to say.
    #[inline]
    pub(crate) fn news(&self) -> u32 {
        self.news.load(Ordering::Acquire)
    }

    // The first core.

    /// The number of the next offer.
    pub(crate) fn next(&self) -> u32 {
        // The numbers wrap around at 2^30: that many connections later, nobody has the pair of the first one.
        self.now().offer().wrapping_add(1) & (u32::MAX >> 2)
    }

    /// Says on what the seats of the offer with this number will depend. Nobody has a pair.
    pub(crate) fn agree(&self, agreement: Agreement) {
        for (place, word) in self.agreement.iter().zip(agreement.to_words()) {
            place.store(word, Ordering::Relaxed);
        }
    }

    /// Says that the offer with this number is there, in all seats.
    pub(crate) fn offered(&self, offer: u32) {
        self.now.store(Word::of(offer, OFFERED).0, Ordering::Release);
    }

    /// Says that the backend is connected.
    pub(crate) fn open(&self) {
        self.now.store(Word::of(self.now().offer(), OPEN).0, Ordering::Release);
    }

    /// Says that the connection of the offer with this number has ended, or that it was not made.
    pub(crate) fn end(&self, offer: u32) {
        self.now.store(Word::of(offer, ENDED).0, Ordering::Release);
        for seat in self.seats {
            seat.withdraw(offer);
        }
    }

    /// Whether the backend has violated the protocol in a ring of another core since the last call.
    pub(crate) fn take_violation(&self) -> bool {
        self.is_violated.swap(false, Ordering::Acquire)
    }

    /// Whether another core cannot have a pair.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Acquire)
    }

    // Other cores.

    /// Says that the backend has violated the protocol in a ring of this core.
    pub(crate) fn report_violation(&self) {
        self.is_violated.store(true, Ordering::Release);
        self.report();
    }

    /// Says that this core cannot have a pair.
    pub(crate) fn refuse(&self) {
        self.is_refused.store(true, Ordering::Release);
        self.report();
    }

    /// Has the first core look.
    pub(crate) fn report(&self) {
        self.news.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
