//! Connections that a peer has begun and not yet acknowledged: SYN-RECEIVED, in little memory (RFC 4987 3.5).

use core::time::Duration;

use layer::Instant;
use rt_regions::{Exhausted, Region};

use crate::{Options, Segment, Seq, Timestamps, tuple::Tuple};

/// How many there are at most. Beyond that, peers are answered with cookies, which need no memory.
const LIMIT: usize = 128;

/// How often our answer to a SYN is sent.
const TRIES: u8 = 6;

/// The first time until the answer is sent again (RFC 6298 2.1).
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a [cookie](crate::Cookies) is valid at most.
const COOKIE_LIFE: Duration = Duration::from_secs(120);

/// A connection that a peer has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfOpen {
    pub(crate) tuple: Tuple,
    /// The peer's initial sequence number, and ours.
    pub(crate) irs: Seq,
    pub(crate) iss: Seq,
    /// What both have agreed on, and the peer's last timestamp.
    pub(crate) options: Options,
    /// When our answer was sent last by itself, and how often.
    pub(crate) sent_at: Instant,
    pub(crate) tries: u8,
    /// Whether the peer's SYN came more than once, and was answered each time.
    pub(crate) was_repeated: bool,
    /// When the peer was asked last whether it means what it has sent (RFC 5961).
    pub(crate) challenged: Option<Instant>,
}

impl HalfOpen {
    /// One whose SYN is answered now.
    pub(crate) fn new(now: Instant, tuple: Tuple, irs: Seq, iss: Seq, options: Options) -> Self {
        Self {
            tuple,
            irs,
            iss,
            options,
            sent_at: now,
            tries: 1,
            was_repeated: false,
            challenged: None,
        }
    }

    fn deadline(&self) -> Instant {
        self.sent_at + FIRST_TIMEOUT * (1 << self.tries.saturating_sub(1).min(TRIES))
    }
}

/// What is to be done with a place that is due.
pub(crate) enum Due {
    /// Our answer is sent again.
    Answer(HalfOpen),
    /// The peer has not answered: it is forgotten.
    Forgotten,
}

/// The connections that peers have begun, with a bound. They are looked for one by one, by their hashes: what is
/// bounded so low takes no longer than a table would.
pub(crate) struct HalfOpens {
    hashes: &'static mut [u32],
    entries: &'static mut [Option<HalfOpen>],
    len: usize,
    /// No place is due before this moment.
    next: Option<Instant>,
    /// No cookie is valid from this moment on.
    cookies_until: Option<Instant>,
}

impl HalfOpens {
    pub(crate) fn new(memory: &'static Region<'static>) -> Result<Self, Exhausted> {
        Ok(Self {
            hashes: memory.alloc_slice_with(LIMIT, |_| 0)?,
            entries: memory.alloc_slice_with(LIMIT, |_| None)?,
            len: 0,
            next: None,
            cookies_until: None,
        })
    }

    /// Whether there is no room for one more.
    pub(crate) fn is_full(&self) -> bool {
        self.len == LIMIT
    }

    /// A SYN is answered with a cookie now.
    pub(crate) fn cookie_sent(&mut self, now: Instant) {
        self.cookies_until = Some(now + COOKIE_LIFE);
    }

    /// Whether a cookie of ours can be valid: nobody can guess one as long as none was sent.
    pub(crate) fn may_have_cookies(&self, now: Instant) -> bool {
        self.cookies_until.is_some_and(|until| now < until)
    }

    /// Adds one; `hash` is that of its tuple.
    pub(crate) fn insert(&mut self, hash: u32, entry: HalfOpen) {
        if self.len < LIMIT {
            self.next = Instant::earliest(self.next, Some(entry.deadline()));
            self.hashes[self.len] = hash;
            self.entries[self.len] = Some(entry);
            self.len += 1;
        }
    }

    /// The place of the one with this tuple.
    pub(crate) fn find(&self, hash: u32, tuple: &Tuple) -> Option<usize> {
        let places = self.hashes[..self.len].iter().enumerate();
        let mut found = places.filter(|&(_, known)| *known == hash).map(|(place, _)| place);
        found.find(|&place| self.entries[place].is_some_and(|entry| entry.tuple == *tuple))
    }

    /// The one at this place.
    pub(crate) fn get(&mut self, place: usize) -> Option<&mut HalfOpen> {
        self.entries[..self.len].get_mut(place)?.as_mut()
    }

    /// Forgets the one at this place.
    pub(crate) fn remove(&mut self, place: usize) {
        if place < self.len {
            self.len -= 1;
            self.hashes[place] = self.hashes[self.len];
            self.entries[place] = self.entries[self.len].take();
        }
    }

    /// When [`pop_due`](Self::pop_due) is to be called next, or before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next.filter(|_| self.len > 0)
    }

    /// One that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        if self.deadline().is_none_or(|next| next > now) {
            return None;
        }
        let entries = self.entries[..self.len].iter().flatten();
        let due = entries.clone().position(|entry| entry.deadline() <= now);
        self.next = entries.map(HalfOpen::deadline).min();
        let place = due?;
        let entry = self.entries[place].as_mut()?;
        if entry.tries >= TRIES {
            self.remove(place);
            return Some(Due::Forgotten);
        }
        entry.tries += 1;
        entry.sent_at = now;
        Some(Due::Answer(*entry))
    }
}

/// What a SYN agrees on with us, from its options: ours has all of them.
pub(crate) fn agreed(segment: &Segment<'_>) -> Options {
    let Options { mss, window_scale, sack_permitted, timestamps, .. } = segment.options;
    Options { mss, window_scale, sack_permitted, timestamps, ..Options::default() }
}

/// The timestamp option of an answer to a peer whose last timestamp is `recent`.
pub(crate) fn answer_timestamps(recent: Option<Timestamps>, value: u32) -> Option<Timestamps> {
    recent.map(|recent| Timestamps { value, echo: recent.value })
}
