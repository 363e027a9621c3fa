//! How long a core works and sleeps, the numbers that it publishes, and what it knows of those of the others.

use core::{cell::Cell, time::Duration};

use layer::{AllCores, Instant, Load};

use super::{Core, Member};
use crate::{atomic::Ordering, shared::Slot};

/// How often a core publishes at least that works, and how long before it sleeps it may have done so.
const INTERVAL: Duration = Duration::from_millis(500);

/// What a core remembers of its publishing.
#[derive(Debug, Default)]
pub(super) struct State {
    /// When it published last.
    at: Cell<Option<Instant>>,
    /// Whether it has worked since.
    has_worked: Cell<bool>,
    /// The time of this turn of the loop.
    now: Cell<Instant>,
}

impl Core {
    /// The core has slept from `before` to `now`.
    pub fn slept(self, before: Instant, now: Instant) {
        let Some(member) = self.0 else { return };
        if member.since.get().is_none() {
            member.since.set(Some(before));
        }
        member.idle.set(member.idle.get() + (now - before));
        member.sleeps.set(member.sleeps.get() + 1);
    }

    /// How long it has worked and slept, up to `now`.
    pub fn load(self, now: Instant) -> Load {
        let Some(member) = self.0 else { return Load::default() };
        let idle = member.idle.get();
        let all = member.since.get().map_or(Duration::ZERO, |since| now - since);
        Load { busy: all.saturating_sub(idle), idle, sleeps: member.sleeps.get() }
    }

    /// Called by the loop in each turn with its time: whether the numbers of this core are to be [published](Self::publish) now.
    #[inline]
    pub fn must_publish(self, now: Instant) -> bool {
        let Some(Member { published, .. }) = self.0 else { return false };
        published.now.set(now);
        published.at.get().is_none_or(|at| now >= at + INTERVAL && published.has_worked.get())
    }

    /// Called by the loop in a turn in which it had something to do.
    #[inline]
    pub fn worked(self) {
        if let Some(member) = self.0 {
            member.published.has_worked.set(true);
        }
    }

    /// When to publish although the core could sleep: once after it has worked. So no number that it has published is older than a
    /// second, and one that has nothing to do is not woken.
    #[inline]
    pub fn publish_by(self) -> Option<Instant> {
        let published = &self.0?.published;
        published.at.get().filter(|_| published.has_worked.get()).map(|at| at + INTERVAL)
    }

    /// Publishes numbers for the others to see: how long this core has worked and slept up to `now`, and those that are put until the
    /// result is dropped.
    pub fn publish(self, now: Instant) -> Publishing {
        let load = self.load(now);
        let slot = self.0.map(|member| {
            member.published.now.set(now);
            member.published.at.set(Some(now));
            member.published.has_worked.set(false);
            let slot = member.cores.slot(member.index);
            for (place, nanos) in slot.load.iter().zip([
                now.as_nanos(),
                nanos(load.busy),
                nanos(load.idle),
                load.sleeps,
            ]) {
                place.store(nanos, Ordering::Relaxed);
            }
            slot
        });
        Publishing { slot, length: 0 }
    }

    /// All cores, as this one sees them, if there are others.
    pub fn all(&self) -> Option<&dyn AllCores> {
        if self.is_alone() { None } else { Some(self) }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl AllCores for Core {
    fn count(&self) -> usize {
        (*self).count()
    }

    /// All cores have the same numbers from the last one on: one that has the device has those of the device before all others.
    fn sum(&self, nth: usize, own: u64) -> u64 {
        let Some(cores) = self.shared() else { return own };
        let length = cores.numbers(self.index());
        self.others().fold(own, |sum, core| {
            let place = match length {
                0 => Some(nth),
                _ => (nth + cores.numbers(core)).checked_sub(length),
            };
            sum.wrapping_add(place.map_or(0, |place| cores.number(core, place)))
        })
    }

    /// Of another core: what it has published, and what it does since: it sleeps or it works.
    fn load(&self, core: usize) -> Load {
        let Some(member) = self.0.filter(|member| core < member.cores.count()) else {
            return Load::default();
        };
        let now = member.published.now.get();
        if core == member.index {
            return (*self).load(now);
        }
        let slot = member.cores.slot(core);
        let [at, busy, idle, sleeps] =
            [0, 1, 2, 3].map(|nth| slot.load[nth].load(Ordering::Relaxed));
        let (busy, idle) = (Duration::from_nanos(busy), Duration::from_nanos(idle));
        let since = if at == 0 { Duration::ZERO } else { now - Instant::from_nanos(at) };
        if slot.sleep.is_asleep() || slot.finished.load(Ordering::Acquire) {
            Load { busy, idle: idle + since, sleeps }
        } else {
            Load { busy: busy + since, idle, sleeps }
        }
    }
}

/// Numbers that a core is publishing; see [`Core::publish`].
#[derive(Debug)]
pub struct Publishing {
    slot: Option<&'static Slot>,
    length: usize,
}

impl Publishing {
    /// The next number. Those beyond the 508th are left out.
    pub fn put(&mut self, number: u64) {
        if let Some(place) = self.slot.and_then(|slot| slot.board.get(self.length)) {
            place.store(number, Ordering::Relaxed);
            self.length += 1;
        }
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.length.store(self.length as u64, Ordering::Release);
            slot.edition.fetch_add(1, Ordering::Release);
        }
    }
}
