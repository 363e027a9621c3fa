//! Our end of a shared ring (`ring.h`): requests go out, responses come back.
//!
//! The page is shared with an untrusted domain. It is only accessed with atomics, each word of it is read once, and the
//! other end's index is checked against the number of requests.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering, fence},
};

use crate::ProtocolViolation;

/// The number of requests that a ring has room for: a power of two (`__RING_SIZE`), the same for both
/// rings of a network device, whose slots have 8 and 12 bytes.
pub(crate) const SIZE: u32 = 256;

/// The position of the first slot, in words. Before it are the four indices, and room for private use.
const SLOTS: usize = 16;

// Two 16-bit fields of a slot are packed into one word.
const _: () = assert!(cfg!(target_endian = "little"), "Xen runs on little-endian processors");

/// The indices at the beginning of the page, by their position in words.
#[derive(Clone, Copy)]
enum Index {
    /// `req_prod`: how many requests we have published.
    RequestsProduced = 0,
    /// `req_event`: the other end wants to be notified when this one is published.
    RequestEvent = 1,
    /// `rsp_prod`: how many responses the other end has published.
    ResponsesProduced = 2,
    /// `rsp_event`: we want to be notified when this one is published.
    ResponseEvent = 3,
}

/// A ring whose slots have `WORDS` words of 32 bits. Indices count up and wrap around at 2^32.
pub(crate) struct FrontRing<const WORDS: usize> {
    /// INVARIANT: a whole page, mapped as long as this value lives, that we touch by this value's
    /// atomics alone.
    page: NonNull<AtomicU32>,
    /// How many requests were written.
    ///
    /// INVARIANT: at most [`SIZE`] more than `consumed`.
    produced: u32,
    /// How many of them the other end can see.
    published: u32,
    /// How many of them were taken into account by [`must_notify`](Self::must_notify).
    notified: u32,
    /// How many responses were taken.
    consumed: u32,
    /// How many responses there are, as the other end last stated.
    ///
    /// INVARIANT: at least `consumed`, at most `published` (counting from `consumed`).
    seen: u32,
}

impl<const WORDS: usize> FrontRing<WORDS> {
    const FITS: () = assert!((SLOTS + WORDS * SIZE as usize) * 4 <= rt_regions::PAGE_SIZE);

    /// Makes an empty ring in `page`, whose indices begin at `start` (`SHARED_RING_INIT` has 0).
    ///
    /// # Safety
    /// `page` is a whole page, aligned as one, and mapped as long as this value lives; we access it by
    /// this value only.
    pub(crate) unsafe fn new(page: NonNull<u8>, start: u32) -> Self {
        let () = Self::FITS;
        let ring = Self {
            page: page.cast(),
            produced: start,
            published: start,
            notified: start,
            consumed: start,
            seen: start,
        };
        ring.index(Index::RequestsProduced).store(start, Ordering::Relaxed);
        ring.index(Index::ResponsesProduced).store(start, Ordering::Relaxed);
        ring.index(Index::RequestEvent).store(start.wrapping_add(1), Ordering::Relaxed);
        ring.index(Index::ResponseEvent).store(start.wrapping_add(1), Ordering::Release);
        ring
    }

    fn index(&self, index: Index) -> &AtomicU32 {
        self.word(index as usize)
    }

    #[inline]
    fn word(&self, word: usize) -> &AtomicU32 {
        assert!(word < SLOTS + WORDS * SIZE as usize);
        // SAFETY: the words before `SLOTS + WORDS * SIZE` are in the page, see `FITS`.
        let word = unsafe { self.page.add(word) };
        // SAFETY: by the invariant of `page` it is mapped, aligned, and accessed by atomics alone.
        unsafe { word.as_ref() }
    }

    /// The slot of an index.
    pub(crate) fn position(index: u32) -> usize {
        (index % SIZE) as usize
    }

    /// How many requests have had no response yet.
    pub(crate) fn outstanding(&self) -> u32 {
        self.produced.wrapping_sub(self.consumed)
    }

    /// How many requests were written and not published.
    pub(crate) fn unpublished(&self) -> u32 {
        self.produced.wrapping_sub(self.published)
    }

    /// How many requests were published since the last call of [`must_notify`](Self::must_notify).
    pub(crate) fn unnotified(&self) -> u32 {
        self.published.wrapping_sub(self.notified)
    }

    /// Writes a request, which the other end does not see yet. Returns its slot, or `None` if the ring is full.
    #[inline]
    pub(crate) fn push(&mut self, request: [u32; WORDS]) -> Option<usize> {
        if self.outstanding() >= SIZE {
            return None;
        }
        let position = Self::position(self.produced);
        for (offset, word) in request.into_iter().enumerate() {
            self.word(SLOTS + position * WORDS + offset).store(word, Ordering::Relaxed);
        }
        self.produced = self.produced.wrapping_add(1);
        Some(position)
    }

    /// Publishes all requests that were written.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.published = self.produced;
        self.index(Index::RequestsProduced).store(self.produced, Ordering::Release);
    }

    /// Whether the other end asked to be notified of the requests that were published since the last call
    /// (`RING_PUSH_REQUESTS_AND_CHECK_NOTIFY`).
    #[inline]
    pub(crate) fn must_notify(&mut self) -> bool {
        let before = core::mem::replace(&mut self.notified, self.published);
        if before == self.published {
            return false;
        }
        // The other end must see the requests before we read whether it went to sleep.
        fence(Ordering::SeqCst);
        let event = self.index(Index::RequestEvent).load(Ordering::Relaxed);
        self.published.wrapping_sub(event) < self.published.wrapping_sub(before)
    }

    /// The next response and its slot, if there is one.
    ///
    /// # Errors
    /// The other end states that there are more responses than requests.
    #[inline]
    pub(crate) fn pop<const N: usize>(
        &mut self,
    ) -> Result<Option<(usize, [u32; N])>, ProtocolViolation> {
        const { assert!(N <= WORDS) };
        if self.seen == self.consumed && !self.look()? {
            return Ok(None);
        }
        let position = Self::position(self.consumed);
        let response = core::array::from_fn(|offset| {
            self.word(SLOTS + position * WORDS + offset).load(Ordering::Relaxed)
        });
        self.consumed = self.consumed.wrapping_add(1);
        Ok(Some((position, response)))
    }

    /// Whether there are responses, as the other end states now.
    fn look(&mut self) -> Result<bool, ProtocolViolation> {
        let produced = self.index(Index::ResponsesProduced).load(Ordering::Acquire);
        let waiting = produced.wrapping_sub(self.consumed);
        if waiting > self.published.wrapping_sub(self.consumed) {
            return Err(ProtocolViolation::Index(produced));
        }
        self.seen = produced;
        Ok(waiting > 0)
    }

    /// Asks to be notified of the next response; returns whether it is there already
    /// (`RING_FINAL_CHECK_FOR_RESPONSES`).
    ///
    /// # Errors
    /// The other end states that there are more responses than requests.
    pub(crate) fn final_check(&mut self) -> Result<bool, ProtocolViolation> {
        self.index(Index::ResponseEvent).store(self.consumed.wrapping_add(1), Ordering::Relaxed);
        // The other end must see our request for an event before we find the ring empty.
        fence(Ordering::SeqCst);
        self.look()
    }

    /// Asks not to be notified of responses, by setting the event index to a response that cannot come.
    pub(crate) fn never_notify(&self) {
        let never = self.consumed.wrapping_add(SIZE + 1);
        self.index(Index::ResponseEvent).store(never, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
