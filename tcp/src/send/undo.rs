//! What was taken for a loss and was none: the peer says that it got data twice (RFC 2883, RFC 3708), or the timestamp that it
//! echoes is older than the retransmission (RFC 3522). Then the window is what it was (RFC 4015).

use core::time::Duration;

use super::{Ack, Sender, recovery::Phase};
use crate::Seq;

/// How precise timestamps are at least, in microseconds (RFC 7323 5.4).
const TICK: u32 = 1000;

/// What the last reduction of the window can be undone with.
#[derive(Debug)]
pub(super) struct Undo {
    is_possible: bool,
    /// SND.UNA when the loss was found.
    una: Seq,
    /// What was sent again since, less what arrived twice, as the sum of [`mark`]s: 0 if these are the same. A network that
    /// duplicates makes it another number, and nothing is undone.
    balance: u32,
    /// When the first of them was, in microseconds.
    resent_at: Option<u32>,
    /// The window and the threshold before.
    window: u32,
    threshold: u32,
}

impl Undo {
    pub(super) fn new() -> Self {
        let (una, resent_at) = (Seq(0), None);
        Self { is_possible: false, una, balance: 0, resent_at, window: 0, threshold: 0 }
    }

    /// SND.UNA moved on to `una`. What is far behind is not undone any more, since numbers wrap around.
    pub(super) fn passed(&mut self, una: Seq) {
        self.is_possible &= una - self.una < 1 << 30;
    }

    /// Data was sent again, at `now`, in microseconds.
    pub(super) fn resent(&mut self, now: u32, start: Seq, end: Seq) {
        self.balance = self.balance.wrapping_add(mark(start, end));
        self.resent_at = self.resent_at.or(Some(now));
    }
}

/// A number for a range, such that those of two ranges that follow each other add up to that of both, and other sums are
/// hardly ever the same.
fn mark(start: Seq, end: Seq) -> u32 {
    // The end of MurmurHash3, by A. Appleby.
    let mixed = |Seq(seq): Seq| {
        let seq = (seq ^ seq >> 16).wrapping_mul(0x85eb_ca6b);
        let seq = (seq ^ seq >> 13).wrapping_mul(0xc2b2_ae35);
        seq ^ seq >> 16
    };
    mixed(end).wrapping_sub(mixed(start))
}

impl Sender<'_> {
    /// The window is about to be reduced.
    pub(super) fn prepare_undo(&mut self) {
        self.undo = Undo {
            is_possible: true,
            una: self.una,
            balance: 0,
            resent_at: None,
            window: self.congestion.window,
            threshold: self.congestion.threshold,
        };
    }

    /// The first block says that data came twice, if it is about what is acknowledged, or part of the second one (RFC 2883
    /// 4). Returns whether it does, and it may be so: not more came twice than was sent twice.
    pub(super) fn read_duplicate(&mut self, ack: &Ack<'_>) -> bool {
        let blocks = ack.sack.as_slice();
        let Some(&(start, end)) = blocks.first() else { return false };
        let within = |&(from, to): &(Seq, Seq)| !start.is_before(from) && !end.is_after(to);
        let is_duplicate =
            start.is_before(end) && (!end.is_after(self.una) || blocks.get(1).is_some_and(within));
        let bytes = end - start;
        if !is_duplicate || bytes > self.maybe_needless || end.is_after(self.next) {
            return false;
        }
        self.maybe_needless -= bytes;
        if !start.is_before(self.undo.una) {
            self.undo.balance = self.undo.balance.wrapping_sub(mark(start, end));
        }
        self.recovery.duplicate_reported(self.una, self.next);
        true
    }

    /// Undoes the last reduction, if it was for nothing. `new` bytes were acknowledged just now, `duplicate` says that the
    /// peer got some twice.
    pub(super) fn try_undo(&mut self, now: u32, ack: &Ack<'_>, new: u32, duplicate: bool) {
        let needless = self.undo.is_possible
            && match self.undo.resent_at {
                // What seemed to be lost arrived before it was sent again.
                None => self.recovery.phase == Phase::Recovery && self.scoreboard.lost() == 0,
                Some(_) if duplicate && self.undo.balance == 0 => true,
                Some(at) => {
                    let age = now.wrapping_sub(at).saturating_add(TICK);
                    let is_older = |echo: Duration| echo >= Duration::from_micros(age.into());
                    new > 0 && self.recovery.is_active() && ack.echo.is_some_and(is_older)
                }
            };
        if !needless {
            return;
        }
        self.undo.is_possible = false;
        self.recovery.reordering = true;
        self.congestion.window = self.congestion.window.max(self.undo.window);
        self.congestion.threshold = self.congestion.threshold.max(self.undo.threshold);
        if self.recovery.is_active() {
            self.recovery.phase = Phase::Open;
            self.scoreboard.unlose(now);
        }
    }
}
