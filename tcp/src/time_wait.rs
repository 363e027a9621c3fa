//! Connections in TIME-WAIT (RFC 9293 3.3.2), of which only the least is kept.

use core::{fmt, net::SocketAddr, time::Duration};

use layer::{Instant, KeyedHash, seed_for};
use managed::ManagedSlice;

use crate::{Flags, Segment, Seq, ends};

/// How long a connection stays in TIME-WAIT: 60 s, as in Linux. RFC 9293 3.4.2 takes twice a lifetime of segments of
/// two minutes, which no network has.
pub const TIME_WAIT: Duration = Duration::from_secs(60);

/// The number of places in a set.
const WAYS: usize = 8;

/// A connection in TIME-WAIT: 32 bytes.
///
/// Of the addresses, IPv4 or IPv6, only a hash of 64 bits is kept. So two connections with equal ports could be taken
/// for each other with a probability of 2 to the power of -64, and nobody who does not know the secret can find two.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeWaitEntry {
    tuple: u64,
    /// When it ends, in nanoseconds. The lowest bit says whether the connection had timestamps. 0: the place is free.
    until: u64,
    ports: [u16; 2],
    snd_nxt: Seq,
    rcv_nxt: Seq,
    /// The last timestamp of the peer.
    recent: u32,
}

const _: () = assert!(size_of::<TimeWaitEntry>() == 32);

impl TimeWaitEntry {
    fn has_timestamps(&self) -> bool {
        self.until & 1 != 0
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until & !1 <= now.as_nanos()
    }

    fn set_until(&mut self, until: Instant, has_timestamps: bool) {
        self.until = until.as_nanos() & !1 | u64::from(has_timestamps);
    }
}

/// What a connection was when it came into TIME-WAIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The next number of ours (SND.NXT): after our FIN.
    pub snd_nxt: Seq,
    /// The next number of the peer's (RCV.NXT): after its FIN.
    pub rcv_nxt: Seq,
    /// The last timestamp of the peer (TS.Recent), if the connection had timestamps.
    pub timestamp: Option<u32>,
}

/// The answer to a segment for a connection in TIME-WAIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeWaitAnswer {
    /// There is none: the segment is dropped.
    Nothing,
    /// An acknowledgment of what was received: a segment without data, with the numbers of the connection.
    Ack(Closed),
    /// The segment is a SYN that opens a new connection (RFC 6191). The initial number is to be after all numbers of
    /// the one before, whose next number is here: see
    /// [`InitialNumbers::initial_after`](crate::InitialNumbers::initial_after). When the connection is made, the entry is
    /// [forgotten](TimeWaits::forget).
    Reuse(Seq),
}

/// The connections in TIME-WAIT, in a table of fixed room.
///
/// The table is cut into sets of 8 places. A connection is in one of two sets, which nobody can predict without the
/// secret. So finding, adding and replacing look at 16 entries, whatever the table holds. A new connection takes a free
/// place of the set that has more of them. If both are full, it takes the place of the one of them that would end first.
/// A table of 4,096 places that is three quarters full has lost none in this way; at 90 % it has lost 1 of 150.
///
/// Nothing has to be done when an entry ends: its place is free from then on.
pub struct TimeWaits<'g> {
    entries: ManagedSlice<'g, TimeWaitEntry>,
    keyed: KeyedHash,
    time: Duration,
    sets: u32,
}

impl<'g> TimeWaits<'g> {
    /// A table in `storage`, whose contents are overwritten. A secret is derived from `seed`. Each connection stays for
    /// `time`, mostly [`TIME_WAIT`]. Of the storage, a multiple of 8 places is used; with less than 8 there are no
    /// entries.
    pub fn new(
        storage: impl Into<ManagedSlice<'g, TimeWaitEntry>>,
        time: Duration,
        seed: u128,
    ) -> Self {
        let mut entries = storage.into();
        entries.fill(TimeWaitEntry::default());
        let sets = (entries.len() / WAYS) as u32;
        Self { entries, keyed: KeyedHash::new(seed_for(*b"wait", seed)), time, sets }
    }

    /// How many connections are in TIME-WAIT now. All places are counted, so this is for reports.
    pub fn count(&self, now: Instant) -> usize {
        self.entries.iter().filter(|entry| !entry.is_over(now)).count()
    }

    /// Puts a connection into the table. Another one that had the same ends is replaced.
    pub fn remember(&mut self, now: Instant, ours: SocketAddr, peer: SocketAddr, closed: Closed) {
        let key = self.key(ours, peer);
        let mut entry = TimeWaitEntry {
            tuple: key.0,
            ports: key.1,
            snd_nxt: closed.snd_nxt,
            rcv_nxt: closed.rcv_nxt,
            recent: closed.timestamp.unwrap_or(0),
            until: 0,
        };
        entry.set_until(now + self.time, closed.timestamp.is_some());
        if let Some(place) = self.find(now, key).or_else(|| self.place(now, key.0)) {
            self.entries[place] = entry;
        }
    }

    /// Whether a connection between these ends is in TIME-WAIT.
    pub fn holds(&self, now: Instant, ours: SocketAddr, peer: SocketAddr) -> bool {
        self.find(now, self.key(ours, peer)).is_some()
    }

    /// Removes the connection between these ends, if it is there.
    pub fn forget(&mut self, now: Instant, ours: SocketAddr, peer: SocketAddr) {
        if let Some(place) = self.find(now, self.key(ours, peer)) {
            self.entries[place] = TimeWaitEntry::default();
        }
    }

    /// The answer to a segment, if the connection between these ends is in TIME-WAIT (RFC 9293 3.10.7.4).
    pub fn on_segment(
        &mut self,
        now: Instant,
        ours: SocketAddr,
        peer: SocketAddr,
        segment: &Segment<'_>,
    ) -> Option<TimeWaitAnswer> {
        let (place, until) = (self.find(now, self.key(ours, peer))?, now + self.time);
        Some(self.entries[place].answer(segment, until))
    }

    fn key(&self, ours: SocketAddr, peer: SocketAddr) -> (u64, [u16; 2]) {
        (ends::hash_of(self.keyed, ours, peer), [ours.port(), peer.port()])
    }

    /// The places where the connection with this hash can be.
    fn places(&self, tuple: u64) -> [core::ops::Range<usize>; 2] {
        // Each half of the hash chooses one set.
        [tuple as u32, (tuple >> 32) as u32].map(|half| {
            let set = (u64::from(half) * u64::from(self.sets)) >> 32;
            let first = set as usize * WAYS;
            first..(first + WAYS).min(self.entries.len() / WAYS * WAYS)
        })
    }

    fn find(&self, now: Instant, (tuple, ports): (u64, [u16; 2])) -> Option<usize> {
        self.places(tuple).into_iter().flatten().find(|&place| {
            let entry = &self.entries[place];
            entry.tuple == tuple && entry.ports == ports && !entry.is_over(now)
        })
    }

    /// The place for a new entry.
    fn place(&self, now: Instant, tuple: u64) -> Option<usize> {
        let [one, other] = self.places(tuple);
        let used = |set: &core::ops::Range<usize>| {
            self.entries[set.clone()].iter().filter(|entry| !entry.is_over(now)).count()
        };
        let (first, second) = if used(&other) < used(&one) { (other, one) } else { (one, other) };
        let end = |place: &usize| {
            let entry = &self.entries[*place];
            if entry.is_over(now) { 0 } else { entry.until }
        };
        // The first of equal ones: a free place in the emptier set, if it has one.
        first.chain(second).min_by_key(end)
    }
}

impl TimeWaitEntry {
    fn closed(&self) -> Closed {
        let timestamp = self.has_timestamps().then_some(self.recent);
        Closed { snd_nxt: self.snd_nxt, rcv_nxt: self.rcv_nxt, timestamp }
    }

    fn answer(&mut self, segment: &Segment<'_>, until: Instant) -> TimeWaitAnswer {
        if segment.flags.contains(Flags::RST) {
            // An old duplicate would end TIME-WAIT, which is there for old duplicates (RFC 1337 3, fix F1).
            return TimeWaitAnswer::Nothing;
        }
        if segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK) {
            return if self.is_reused_by(segment) {
                TimeWaitAnswer::Reuse(self.snd_nxt)
            } else {
                TimeWaitAnswer::Nothing
            };
        }
        let timestamp = segment.options.timestamps.filter(|_| self.has_timestamps());
        let age = timestamp.map_or(0, |stamps| stamps.value.wrapping_sub(self.recent) as i32);
        let end = segment.seq + segment.len();
        // An old duplicate (RFC 7323 5.3), or not in the window, of which nothing is left (RFC 9293 3.10.7.4).
        if age < 0 || segment.seq != self.rcv_nxt || !segment.is_empty() {
            let is_fin = segment.flags.contains(Flags::FIN) && end == self.rcv_nxt;
            if is_fin && age >= 0 {
                // The acknowledgment of the peer's FIN was lost (RFC 9293 3.10.7.4).
                self.set_until(until, self.has_timestamps());
            }
            return TimeWaitAnswer::Ack(self.closed());
        }
        if let Some(stamps) = timestamp {
            self.recent = stamps.value;
        }
        TimeWaitAnswer::Nothing
    }

    /// Whether a SYN opens a new connection (RFC 6191 2).
    fn is_reused_by(&self, syn: &Segment<'_>) -> bool {
        let is_after = !syn.seq.is_before(self.rcv_nxt);
        match syn.options.timestamps {
            Some(_) if !self.has_timestamps() => true,
            Some(stamps) => match stamps.value.wrapping_sub(self.recent) as i32 {
                0 => is_after,
                age => age > 0,
            },
            None => is_after,
        }
    }
}

impl fmt::Debug for TimeWaits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeWaits").field("places", &self.entries.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
