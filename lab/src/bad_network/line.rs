//! One direction of a link as a value: frames and time in, frames and a deadline out.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use ::testkit::Random;

use super::conditions::{Conditions, Counts, Share};

/// The length of an Ethernet header, in bytes.
const ETHERNET: usize = 14;
/// The type of IPv4 in it.
const IPV4: [u8; 2] = [8, 0];
/// A burst of losses ends when nothing was sent for so long: what is lost on a real link in a row is lost in a short time. A
/// retransmission that comes a timeout later is not in it.
const BURST_GAP: Duration = Duration::from_millis(10);
/// As many frames that came out are kept, for those that go in.
const SPARE: usize = 4096;

/// Frames on their way.
#[derive(Debug)]
pub(super) struct Line {
    conditions: Conditions,
    random: Random,
    counts: Counts,
    /// When the last bit of what waits is sent.
    busy_until: Option<Instant>,
    /// How many of the next frames are lost with the one before, and when that was.
    losing: u16,
    lost_at: Option<Instant>,
    underway: BinaryHeap<Reverse<Underway>>,
    /// How many frames were put underway; of two that are due at once the first comes first.
    next: u64,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Underway {
    due: Instant,
    number: u64,
    frame: Vec<u8>,
}

impl Line {
    /// A line with these conditions; what chance decides follows from `seed`.
    pub(super) fn new(conditions: Conditions, seed: u64) -> Self {
        Self {
            conditions,
            random: Random::new(seed),
            counts: Counts::default(),
            busy_until: None,
            losing: 0,
            lost_at: None,
            underway: BinaryHeap::new(),
            next: 0,
            spare: Vec::new(),
        }
    }

    /// Other conditions for the frames that follow, with chance and counts from the beginning.
    pub(super) fn set(&mut self, conditions: Conditions, seed: u64) {
        (self.conditions, self.random, self.losing) = (conditions, Random::new(seed), 0);
        self.counts = Counts::default();
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// A frame goes through without conditions, by `deliver`, which says whether it was taken.
    ///
    /// # Errors
    /// Those of `deliver`.
    pub(super) fn pass<E>(
        &mut self,
        frame: &[u8],
        deliver: impl FnOnce(&[u8]) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.counts.frames += 1;
        self.counts.bytes += frame.len() as u64;
        let taken = deliver(frame)?;
        *(if taken { &mut self.counts.delivered } else { &mut self.counts.refused }) += 1;
        Ok(())
    }

    /// A frame is sent into the line.
    pub(super) fn push(&mut self, now: Instant, frame: &[u8]) {
        self.counts.frames += 1;
        self.counts.bytes += frame.len() as u64;
        // Chance decides on each frame alike, whatever the conditions are: the same frames are lost in the next run.
        let chances = [(); 4].map(|()| self.random.below(Share::WHOLE));
        let place = self.random.bits();
        let happens = |which: usize, share: Share| chances[which] < share.of_a_million();
        let Conditions { delay, lost, burst, duplicated, corrupted, held, held_for, .. } =
            self.conditions;
        if frame.get(12..ETHERNET) != Some(&IPV4[..]) {
            return self.send(now, Duration::ZERO, delay, frame, None);
        }
        let is_over = |at: Instant| now.saturating_duration_since(at) > BURST_GAP;
        let in_burst = self.losing > 0 && !self.lost_at.is_some_and(is_over);
        if in_burst || happens(0, lost) {
            self.losing = if in_burst { self.losing - 1 } else { burst };
            self.lost_at = Some(now);
            self.counts.lost += 1;
            return;
        }
        let turned = happens(1, corrupted).then(|| {
            self.counts.corrupted += 1;
            ETHERNET * 8 + (place % ((frame.len() - ETHERNET) * 8).max(1) as u64) as usize
        });
        let hold = match happens(2, held) {
            true => held_for,
            false => Duration::ZERO,
        };
        self.counts.held += u64::from(!hold.is_zero());
        self.send(now, hold, delay, frame, turned);
        if happens(3, duplicated) {
            self.counts.duplicated += 1;
            self.send(now, hold, delay, frame, turned);
        }
    }

    /// Puts a frame behind those that wait, with this bit turned over.
    fn send(
        &mut self,
        now: Instant,
        hold: Duration,
        delay: Duration,
        frame: &[u8],
        turned: Option<usize>,
    ) {
        let mut sent = now;
        if let Some(rate) = self.conditions.rate {
            let free = self.busy_until.map_or(now, |until| until.max(now));
            let last_bit = free + rate.time(frame.len() as u64);
            if last_bit - now > rate.time(rate.queue) {
                self.counts.overflowed += 1;
                return;
            }
            self.busy_until = Some(last_bit);
            sent = last_bit;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(frame);
        if let Some(bit) = turned
            && let Some(byte) = copy.get_mut(bit / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
        self.next += 1;
        let underway = Underway { due: sent + delay + hold, number: self.next, frame: copy };
        self.underway.push(Reverse(underway));
    }

    /// Hands over the next frame that has arrived, if there is one, and says whether there was.
    pub(super) fn pop(&mut self, now: Instant, deliver: impl FnOnce(&[u8]) -> bool) -> bool {
        if self.next_due().is_none_or(|due| due > now) {
            return false;
        }
        if let Some(Reverse(Underway { frame, .. })) = self.underway.pop() {
            let taken = deliver(&frame);
            *(if taken { &mut self.counts.delivered } else { &mut self.counts.refused }) += 1;
            if self.spare.len() < SPARE {
                self.spare.push(frame);
            }
        }
        true
    }

    /// When the next frame arrives.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.underway.peek().map(|Reverse(underway)| underway.due)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::conditions::Rate, *};

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// A frame of IPv4 with this in it.
    fn frame(number: u32) -> Vec<u8> {
        let mut frame = [&[2; 12][..], &IPV4, &number.to_be_bytes()].concat();
        frame.resize(1000, 0);
        frame
    }

    fn number(frame: &[u8]) -> u32 {
        u32::from_be_bytes(*frame[ETHERNET..].first_chunk().unwrap())
    }

    /// All that has arrived by then.
    fn arrived(line: &mut Line, now: Instant) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while line.pop(now, |frame| {
            frames.push(frame.to_vec());
            true
        }) {}
        frames
    }

    /// Sends so many frames at once, and says what arrives, ever.
    fn all(conditions: Conditions, count: u32) -> (Vec<Vec<u8>>, Counts) {
        let (start, mut line) = (Instant::now(), Line::new(conditions, 7));
        (0..count).for_each(|number| line.push(start, &frame(number)));
        (arrived(&mut line, start + Duration::from_secs(3600)), line.counts())
    }

    #[test]
    fn a_perfect_line_hands_over_at_once_in_order() {
        let (frames, counts) = all(Conditions::PERFECT, 100);
        assert!(frames.iter().map(|frame| number(frame)).eq(0..100));
        let all = Counts { frames: 100, bytes: 100_000, delivered: 100, ..Counts::default() };
        assert_eq!(counts, all);
    }

    #[test]
    fn a_delay_is_a_delay() {
        let (start, delay) = (Instant::now(), 10 * MILLISECOND);
        let mut line = Line::new(Conditions { delay, ..Conditions::PERFECT }, 1);
        line.push(start, &frame(1));
        line.push(start + MILLISECOND, &frame(2));
        assert_eq!(line.next_due(), Some(start + delay));
        assert!(arrived(&mut line, start + delay - Duration::from_nanos(1)).is_empty());
        assert_eq!(arrived(&mut line, start + delay), [frame(1)]);
        assert_eq!(arrived(&mut line, start + delay + MILLISECOND), [frame(2)]);
        assert_eq!(line.next_due(), None);
    }

    #[test]
    fn frames_pass_at_the_rate_and_those_beyond_the_queue_are_lost() {
        // 1,000 bytes take a millisecond, and four wait at most.
        let rate = Rate { bytes: 1_000_000, queue: 4000 };
        let (start, mut line) = (Instant::now(), Line::new(Conditions::line(MILLISECOND, rate), 1));
        (0..10).for_each(|number| line.push(start, &frame(number)));
        assert_eq!(line.counts().overflowed, 6);
        for number in 0..4 {
            let due = start + (number + 2) * MILLISECOND;
            assert_eq!(line.next_due(), Some(due));
            assert_eq!(arrived(&mut line, due), [frame(number)]);
        }
        // Time that nothing was sent in is not made up for.
        let later = start + 100 * MILLISECOND;
        (0..2).for_each(|number| line.push(later, &frame(number)));
        assert_eq!(line.next_due(), Some(later + 2 * MILLISECOND));
    }

    #[test]
    fn chance_takes_its_share_and_the_same_again() {
        let lost = Conditions { lost: Share::percent(2), ..Conditions::PERFECT };
        let (frames, counts) = all(lost, 50_000);
        assert!((900..1100).contains(&counts.lost), "{counts:?}");
        assert_eq!(frames.len() as u64, 50_000 - counts.lost);
        assert_eq!(frames, all(lost, 50_000).0);
        // What is lost does not depend on what else happens.
        let more = Conditions { duplicated: Share::percent(3), ..lost };
        let (mut frames_of_more, counts) = all(more, 50_000);
        assert!((1350..1650).contains(&counts.duplicated), "{counts:?}");
        frames_of_more.dedup();
        assert_eq!(frames, frames_of_more);
    }

    #[test]
    fn a_burst_is_over_after_a_pause() {
        let conditions = Conditions { lost: Share::percent(100), burst: 9, ..Conditions::PERFECT };
        let (start, mut line) = (Instant::now(), Line::new(conditions, 7));
        line.push(start, &frame(0));
        line.push(start + BURST_GAP, &frame(1));
        assert_eq!((line.losing, line.counts().lost), (8, 2));
        // Chance decides again, and finds that it is lost.
        line.push(start + 3 * BURST_GAP, &frame(2));
        assert_eq!((line.losing, line.counts().lost), (9, 3));
    }

    #[test]
    fn a_burst_takes_those_that_follow() {
        let conditions = Conditions { lost: Share::per_mille(2), burst: 9, ..Conditions::PERFECT };
        let (frames, counts) = all(conditions, 50_000);
        assert!(counts.lost.is_multiple_of(10) && (700..1300).contains(&counts.lost));
        let gaps = frames.windows(2).filter(|pair| number(&pair[1]) > number(&pair[0]) + 1);
        assert!((70..130).contains(&gaps.count()));
    }

    #[test]
    fn one_bit_is_turned_over_behind_the_ethernet_header() {
        let conditions = Conditions { corrupted: Share::percent(1), ..Conditions::PERFECT };
        let (frames, counts) = all(conditions, 10_000);
        let turned = frames.iter().zip(0..).filter_map(|(came, number)| {
            let turned: u32 =
                came.iter().zip(frame(number)).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(came[..ETHERNET], frame(number)[..ETHERNET]);
            assert!(turned <= 1);
            (turned == 1).then_some(())
        });
        assert_eq!(turned.count() as u64, counts.corrupted);
        assert!((70..130).contains(&counts.corrupted), "{counts:?}");
    }

    #[test]
    fn one_that_is_held_is_overtaken() {
        let held_for = 3 * MILLISECOND;
        let conditions = Conditions { held: Share::percent(5), held_for, ..Conditions::PERFECT };
        let (start, mut line) = (Instant::now(), Line::new(conditions, 3));
        let (mut came, count) = (Vec::new(), 1000);
        for number in 0..count {
            let now = start + number * MILLISECOND;
            line.push(now, &frame(number));
            came.extend(arrived(&mut line, now).iter().map(|frame| self::number(frame)));
        }
        let late = came.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((25..80).contains(&late), "{late}");
        came.extend(arrived(&mut line, start + 2000 * MILLISECOND).iter().map(|f| number(f)));
        came.sort_unstable();
        assert!(came.into_iter().eq(0..count));
    }

    #[test]
    fn what_is_not_ipv4_comes_as_it_was() {
        let whole = Share::percent(100);
        let conditions = Conditions {
            lost: whole,
            corrupted: whole,
            duplicated: whole,
            delay: MILLISECOND,
            ..Conditions::PERFECT
        };
        let (start, mut line) = (Instant::now(), Line::new(conditions, 1));
        let mut arp = frame(1);
        arp[13] = 6;
        line.push(start, &arp);
        line.push(start, &frame(1));
        line.push(start, &[1, 2, 3]);
        assert_eq!(arrived(&mut line, start + MILLISECOND), [arp, vec![1, 2, 3]]);
        assert_eq!(line.counts().lost, 1);
        // A frame of nothing but its header has no bit to turn over.
        let mut line = Line::new(Conditions { lost: Share::NONE, ..conditions }, 1);
        line.push(start, &frame(1)[..ETHERNET]);
        assert_eq!(arrived(&mut line, start + MILLISECOND), [&frame(1)[..ETHERNET]; 2]);
    }

    #[test]
    fn what_the_device_refuses_is_counted() {
        let (start, mut line) = (Instant::now(), Line::new(Conditions::PERFECT, 1));
        line.push(start, &frame(1));
        assert!(line.pop(start, |_| false));
        assert_eq!((line.counts().delivered, line.counts().refused), (0, 1));
    }
}
