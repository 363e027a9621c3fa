//! The receiving half of a connection: what comes from the peer, in what order ever, becomes a stream of bytes.

mod acks;
mod buffer;
mod ranges;
mod window;
mod work;

use core::{fmt, time::Duration};

use layer::Instant;
use rt_regions::Slabs;

pub use self::buffer::Lent;
use self::{acks::Acks, buffer::Buffer, ranges::Ranges, window::Window};
use crate::{SackBlocks, Seq};

/// The bytes that may come out of order beyond twice of what came in order before: 16 KiB, or the peer's initial window
/// (RFC 6928) if it is more. A peer in slow start has no more underway.
const UNEARNED: u32 = 16 << 10;

/// How an arrival is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckNeed {
    /// At once.
    Now,
    /// With the next data of ours, with the next full-sized segment of the peer, or at the deadline.
    Delayed,
    /// It needs no acknowledgment.
    None,
}

/// What came of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// How many bytes became readable.
    pub new_bytes: u32,
    /// Whether the end of the peer's data was reached just now: all bytes before its FIN are readable.
    pub fin: bool,
    /// How it is acknowledged.
    pub ack: AckNeed,
}

/// The receiving half of a connection, from the peer's SYN on.
///
/// Data in order and out of order lies in one buffer, at its place. Bytes that are there are never replaced. Which bytes
/// out of order are there says a sorted list of at most 254 ranges; data that would need one more is dropped, and the
/// peer sends it again. So the work for a segment is bounded by its length and by this list, whatever came before.
///
/// Memory is taken when data comes, and is given back when all is consumed. Data for which there is none is dropped.
pub struct Receiver<'p> {
    buffer: Buffer<'p>,
    ranges: Ranges<'p>,
    window: Window,
    acks: Acks,
    next: Seq,
    /// The number of the peer's FIN, if one was received.
    fin: Option<Seq>,
    fin_reached: bool,
    /// What the latest segment had that was there already (RFC 2883); empty: nothing.
    duplicate: (Seq, Seq),
    /// How many bytes came in order; saturates.
    earned: u32,
}

impl<'p> Receiver<'p> {
    /// The receiver after the peer's SYN, which has the number `irs`. The buffer never takes more than `limit` bytes of
    /// memory, of which three quarters are offered as the window: the rest is the room in which the buffer moves.
    /// `limit` is rounded down to a length that [`Slabs`] has no waste for: 256, 496, 1,008 or 2,032 bytes, or a power
    /// of two from 4 KiB to 4 MiB.
    ///
    /// The window that the SYN or SYN-ACK of ours has is told by [`advertised`](Self::advertised).
    pub fn new(buffers: &'p Slabs<'p>, irs: Seq, limit: u32) -> Self {
        let next = irs + 1;
        let buffer = Buffer::new(buffers, limit);
        let window = Window::new(next, buffer.limit() - buffer.limit() / 4);
        Self {
            buffer,
            ranges: Ranges::new(),
            window,
            acks: Acks::new(),
            next,
            fin: None,
            fin_reached: false,
            duplicate: (next, next),
            earned: 0,
        }
    }

    /// Begins again with a peer's SYN of the number `irs`: none was known before. What was set stays so.
    pub fn begin(&mut self, irs: Seq) {
        let (mss, shift) = (self.window.mss(), self.window.shift());
        *self = Self::new(self.buffer.slabs(), irs, self.buffer.limit());
        self.set_mss(mss);
        self.set_window_shift(shift);
    }

    /// Takes the readable bytes out, so that they can be looked at without this value. Until they are
    /// [back](Self::take_back), data that comes is dropped, and none is consumed.
    #[inline]
    pub fn lend(&mut self) -> Lent<'p> {
        self.buffer.lend()
    }

    /// Puts the readable bytes back.
    #[inline]
    pub fn take_back(&mut self, lent: Lent<'p>) {
        self.buffer.take_back(lent);
    }

    /// The most payload bytes that a segment of the peer has: our MSS, less the options of each segment.
    pub fn set_mss(&mut self, mss: u32) {
        self.window.set_mss(mss);
    }

    /// How many bits our window is shifted in headers (RFC 7323 2.2), 14 at most. 0 until it is set.
    pub fn set_window_shift(&mut self, shift: u8) {
        self.window.set_shift(shift);
    }

    /// Whether [`on_rtt`](Self::on_rtt) is of use, since the window may still grow.
    #[inline]
    pub fn wants_rtt(&self) -> bool {
        self.window.is_growing()
    }

    /// A measurement of the round-trip time, for the growth of the window. The more there are, the better it follows
    /// the path.
    pub fn on_rtt(&mut self, rtt: Duration) {
        self.window.on_rtt(rtt);
    }

    /// The next number that is expected (RCV.NXT).
    #[inline]
    pub fn next(&self) -> Seq {
        self.next
    }

    /// The window in bytes that may be advertised now: a multiple of 2 to the power of the shift, which fits the field
    /// of the header. Its right edge does not move back (RFC 9293 3.8.6), but for less than one such unit, which is not
    /// to be avoided if the peer sends less than a unit and nothing is read. It moves forward by a segment or by half
    /// of the window at least (RFC 9293 3.8.6.2.2).
    #[inline]
    pub fn window(&self) -> u32 {
        self.window.offer(self.next, self.buffer.len())
    }

    /// The number after the last one that was ever advertised. Data is accepted up to there.
    #[inline]
    pub fn right_edge(&self) -> Seq {
        self.window.edge()
    }

    /// The segment that was just sent acknowledged [`next`](Self::next) with this window, in bytes.
    #[inline]
    pub fn advertised(&mut self, window: u32) {
        self.window.advertised(self.next, window);
        self.acks.sent();
        self.duplicate = (self.next, self.next);
    }

    /// Takes the data of a segment, which may be old, out of order, or beyond the window in part, and whether it ends
    /// with FIN. `joined` is the number of the peer's segments that an interface joined to this one.
    pub fn on_data(
        &mut self,
        now: Instant,
        seq: Seq,
        payload: &[u8],
        fin: bool,
        joined: u16,
    ) -> Arrival {
        let mut arrival = Arrival { new_bytes: 0, fin: false, ack: AckNeed::None };
        if payload.is_empty() && !fin {
            return arrival;
        }
        self.window.tune(now, Seq(self.next.0.wrapping_sub(self.buffer.len())));
        let whole_end = seq + payload.len() as u32;
        if fin {
            self.note_fin(whole_end);
        }
        // The bytes that count: those in the window, and before the FIN.
        let start = seq.max(self.next);
        let end = whole_end.min(self.fin.unwrap_or(whole_end)).min(self.window.edge());
        let old =
            (seq.is_before(start) && !payload.is_empty()).then(|| (seq, whole_end.min(start)));
        self.duplicate = old.unwrap_or(self.duplicate);
        let is_old = seq.is_before(self.next) || fin && self.fin_reached;
        let mut at_once = is_old || whole_end.is_after(end) || !self.ranges.is_empty();
        if start.is_before(end) && !self.buffer.is_lent() {
            let bytes = payload.get((start - seq) as usize..(end - seq) as usize);
            let bytes = bytes.unwrap_or_default();
            if start == self.next {
                arrival.new_bytes = self.take_in_order(bytes);
                if arrival.new_bytes == 0 {
                    // No memory: it counts as lost, so that the peer sends more and more slowly.
                    return arrival;
                }
            } else {
                at_once = true;
                self.take_out_of_order(start, bytes);
            }
        } else {
            at_once |= start.is_after(self.next);
        }
        // If several parts of it were there, the first is reported.
        self.duplicate = old.unwrap_or(self.duplicate);
        if self.fin == Some(self.next) && !self.fin_reached {
            self.fin_reached = true;
            self.next += 1;
            arrival.fin = true;
            at_once = true;
        }
        if arrival.new_bytes > 0 {
            arrival.ack = self.acks.on_bytes(now, arrival.new_bytes, joined, self.window.mss());
        }
        if at_once {
            arrival.ack = self.acks.at_once();
        }
        arrival
    }

    /// Takes note of a FIN with the number `seq`, if it is in the window or just behind it. An earlier one replaces a
    /// later one, and what came of data behind it.
    fn note_fin(&mut self, seq: Seq) {
        let is_possible = !seq.is_before(self.next) && !seq.is_after(self.window.edge());
        if !self.fin_reached && is_possible && self.fin.is_none_or(|fin| seq.is_before(fin)) {
            self.fin = Some(seq);
            self.ranges.cut(seq);
            self.release_unused();
        }
    }

    /// Takes bytes that begin at `next`. Returns how many bytes became readable.
    #[inline]
    fn take_in_order(&mut self, bytes: &[u8]) -> u32 {
        let unread = self.buffer.len();
        if self.buffer.is_vacant() {
            self.next += self.buffer.begin(bytes);
        } else {
            let used = self.used();
            let room = self.buffer.reserve(unread + bytes.len() as u32, used) - unread;
            let end = self.next + room;
            if self.ranges.is_empty() {
                self.buffer.write(unread, &bytes[..room as usize]);
                self.next = end;
            } else {
                self.write_missing(self.next, &bytes[..room as usize]);
                self.next = self.ranges.take_until(end);
            }
            self.buffer.extend(self.next - end + room);
        }
        let new = self.buffer.len() - unread;
        self.earned = self.earned.saturating_add(new);
        new
    }

    /// Takes bytes that begin at `start`, after `next`.
    fn take_out_of_order(&mut self, start: Seq, bytes: &[u8]) {
        let unread = self.buffer.len();
        let most =
            UNEARNED.max(10 * self.window.mss()).saturating_add(self.earned.saturating_mul(2));
        let offset = start - self.next;
        let wanted = (offset + bytes.len() as u32).min(most);
        if wanted <= offset {
            return;
        }
        let (slabs, end) = (self.buffer.slabs(), self.next + wanted);
        if self.ranges.has_room_for(slabs, start, end) {
            let used = self.used();
            let room = self.buffer.reserve(unread + wanted, used).saturating_sub(unread + offset);
            if let Some(bytes @ [_, ..]) = bytes.get(..room as usize) {
                self.write_missing(start, bytes);
                self.ranges.insert(start, start + room);
            }
        }
        self.release_unused();
    }

    /// Gives back what nothing is in.
    fn release_unused(&mut self) {
        self.ranges.release_unused();
        self.buffer.consume(0, self.used());
    }

    /// How many bytes of the buffer are in use, those out of order and the gaps between them included.
    fn used(&self) -> u32 {
        let beyond = self.ranges.end().map_or(0, |end| end - self.next);
        self.buffer.len() + beyond
    }

    /// Writes those of the bytes at `start` that are not there yet.
    fn write_missing(&mut self, start: Seq, bytes: &[u8]) {
        let Self { buffer, ranges, next, duplicate, .. } = self;
        let unread = buffer.len();
        let present = ranges.missing(start, start + bytes.len() as u32, |from, to| {
            if let Some(part) = bytes.get((from - start) as usize..(to - start) as usize) {
                buffer.write(unread + (from - *next), part);
            }
        });
        if let Some(present) = present {
            *duplicate = (present.start, present.end);
        }
    }

    /// When an acknowledgment has waited long enough.
    #[inline]
    pub fn ack_deadline(&self) -> Option<Instant> {
        self.acks.deadline()
    }

    /// Whether an acknowledgment must not wait.
    #[inline]
    pub fn must_ack_now(&self) -> bool {
        self.acks.is_at_once()
    }

    /// Whether an acknowledgment is owed, at once or later.
    #[inline]
    pub fn owes_ack(&self) -> bool {
        self.acks.is_at_once() || self.acks.deadline().is_some()
    }

    /// Whether the next acknowledgment reports data that came twice, and that the peer can have sent again. It has room for
    /// one such report.
    ///
    /// A peer sends nothing again that is older than a whole window: such data is reported too, but it may be a
    /// stranger's, and is worth no acknowledgment of its own.
    #[inline]
    pub fn reports_duplicate(&self) -> bool {
        let (start, end) = self.duplicate;
        start != end && i64::from(self.next.distance(start)) <= self.buffer.limit().into()
    }

    /// The blocks that an acknowledgment reports now, at most `room` of them: 4, or 3 beside timestamps. First is what
    /// came twice (RFC 2883), then the block that grew last, then those that grew before it (RFC 2018 4).
    pub fn sack_blocks(&self, room: usize) -> SackBlocks {
        let mut blocks = SackBlocks::NONE;
        let (start, end) = self.duplicate;
        if start != end && room > 0 {
            blocks.push(start, end);
        }
        self.ranges.report(&mut blocks, room);
        blocks
    }

    /// All bytes that are in order and not consumed.
    #[inline]
    pub fn readable(&self) -> &[u8] {
        self.buffer.readable()
    }

    /// How many bytes are in order and not consumed, also while they are [lent](Self::lend).
    #[inline]
    pub fn unread(&self) -> u32 {
        self.buffer.len()
    }

    /// Consumes the first `count` readable bytes, or all if there are fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        let count = self.buffer.len().min(u32::try_from(count).unwrap_or(u32::MAX));
        let used = self.used() - count;
        self.buffer.consume(count, used);
    }

    /// Whether the peer should be told that the window is larger than it knows (RFC 1122 4.2.3.3): to be asked after
    /// bytes were consumed.
    #[inline]
    pub fn wants_update(&self) -> bool {
        !self.fin_reached && self.window.wants_update(self.next, self.buffer.len())
    }

    /// Whether the peer's FIN was reached: there will be no more data.
    #[inline]
    pub fn fin_received(&self) -> bool {
        self.fin_reached
    }

    /// Whether the peer's FIN was reached and all data before it is consumed.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.fin_reached && self.buffer.len() == 0
    }

    /// How many bytes of memory the buffer takes now.
    pub fn buffer_size(&self) -> usize {
        self.buffer.capacity() as usize
    }
}

impl fmt::Debug for Receiver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("next", &self.next)
            .field("right_edge", &self.window.edge())
            .field("readable", &self.buffer.len())
            .field("out_of_order", &self.ranges.as_slice())
            .field("fin", &self.fin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
