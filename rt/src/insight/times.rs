//! How long each activity takes.

use core::{cell::Cell, time::Duration};

use layer::Instant;

use super::Activity;

/// The time that each activity has taken. The activities follow each other without a gap, so together they are the time
/// since the start.
#[derive(Debug)]
pub struct Times {
    current: Cell<Activity>,
    since: Cell<Instant>,
    /// In nanoseconds, by the number of the activity; the current one only up to `since`.
    taken: [Cell<u64>; Activity::ALL.len()],
}

impl Times {
    /// The times of a program that starts at `now`.
    pub const fn starting_at(now: Instant) -> Self {
        Self {
            current: Cell::new(Activity::Start),
            since: Cell::new(now),
            taken: [const { Cell::new(0) }; Activity::ALL.len()],
        }
    }

    /// Notes that an activity begins at `now`, and the one before ends.
    #[inline]
    pub fn begin(&self, activity: Activity, now: Instant) {
        let before = &self.taken[self.current.replace(activity) as usize];
        let taken = now.since(self.since.replace(now));
        before.set(before.get().saturating_add(taken.as_nanos() as u64));
    }

    /// How long `activity` took up to `now`.
    pub fn taken(&self, activity: Activity, now: Instant) -> Duration {
        let taken = Duration::from_nanos(self.taken[activity as usize].get());
        if activity == self.current.get() { taken + now.since(self.since.get()) } else { taken }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_all_activities_are_the_time_since_the_start() {
        let at = Instant::from_millis;
        let times = Times::starting_at(at(100));
        let all = |now| Activity::ALL.map(|activity| times.taken(activity, at(now)).as_millis());
        assert_eq!(all(105), [5, 0, 0, 0]);
        times.begin(Activity::Tower, at(110));
        times.begin(Activity::Idle, at(112));
        times.begin(Activity::Tower, at(140));
        times.begin(Activity::Tasks, at(141));
        assert_eq!(all(150), [10, 3, 9, 28]);
        assert_eq!(all(150).iter().sum::<u128>(), 50);
        // A time that has passed adds nothing.
        times.begin(Activity::Idle, at(90));
        assert_eq!(all(90), [10, 3, 0, 28]);
    }

    #[test]
    fn each_activity_has_its_own_number() {
        for (number, activity) in Activity::ALL.into_iter().enumerate() {
            assert_eq!(activity as usize, number, "{}", activity.name());
        }
    }
}
