//! A turn of the tasks: who is polled, and what becomes of those that are done.

use core::{fmt, time::Duration};

use layer::Instant;
use rt_regions::kept_wakes;

use super::Tasks;
use crate::slot::{Slot, State};

/// How many lines about failed tasks are printed in a second. The others are counted.
const LINES_A_SECOND: u32 = 10;

/// How many tasks that were woken are polled in one turn. The others wait for the next turn, behind one packet.
const POLLS_A_TURN: usize = 32;

/// What the loop of a runtime needs of [`Tasks`]. It is a trait so that a program without tasks has none of their code.
pub trait PollTasks {
    /// The tasks themselves.
    fn tasks(&'static self) -> &'static Tasks;

    /// Whether [`run`](Self::run) would poll a task at `now`.
    fn is_due(&self, now: Instant) -> bool;

    /// The earliest moment that a task waits for.
    fn next_deadline(&self) -> Option<Instant>;

    /// How long a loop may sleep that has nothing else to do before `other`: until the earlier of `other` and the
    /// [next deadline](Self::next_deadline). It is [`Instant::ZERO`] if a task [is due](Self::is_due).
    fn deadline(&self, now: Instant, other: Option<Instant>) -> Option<Instant> {
        if self.is_due(now) {
            return Some(Instant::ZERO);
        }
        Instant::earliest(other, self.next_deadline())
    }

    /// Polls the tasks that are due at `now`: those that were woken, up to 32, and one of those that have yielded. `say`
    /// prints a line for each that ended with an error, ten in a second at most.
    fn run(&'static self, now: Instant, say: &mut dyn FnMut(fmt::Arguments<'_>));

    /// Drops all tasks, at the end of the program.
    fn close(&'static self);
}

impl Tasks {
    /// Whether a line may be printed; it is counted then.
    #[cold]
    fn may_print(&self) -> bool {
        let now = self.now.get();
        let (since, lines) = match self.lines.get() {
            (since, lines) if now < since + Duration::from_secs(1) => (since, lines),
            _ => (now, 0),
        };
        self.lines.set((since, lines.saturating_add(1)));
        lines < LINES_A_SECOND
    }

    /// Wakes the tasks that keep wakers, if one of these was woken: it has no pointer to its task.
    fn wake_keepers(&self) {
        let wakes = kept_wakes();
        if self.keepers.get() == 0 || self.kept_wakes.replace(wakes) == wakes {
            return;
        }
        let mut next = self.newest.get();
        while let Some(slot) = next {
            if slot.keeps_wakers.get() {
                self.wake(slot.reference());
            }
            next = slot.older;
        }
    }

    fn poll(&self, slot: &'static Slot, say: &mut dyn FnMut(fmt::Arguments<'_>)) {
        let Some(mut task) = slot.task.take() else { return self.retire(slot) };
        if slot.deadline.get().is_some() {
            self.timers.remove(slot);
        }
        slot.state.set(State::Running);
        self.count(|counters| counters.polls += 1);
        let generation = slot.generation.get();
        // If the future panics, the guard retires the slot, and the task is dropped.
        let turn = Turn { tasks: self, slot, outer: self.current.replace(Some(slot)) };
        let polled = task.poll_once();
        if polled.result.is_ready() || slot.generation.get() != generation {
            drop(task);
            drop(turn);
        } else {
            turn.goes_on();
            if task.keeps_wakers() && !slot.keeps_wakers.replace(true) {
                self.keepers.set(self.keepers.get() + 1);
            }
            slot.task.set(Some(task));
            if slot.deadline.get().is_some() {
                self.timers.insert(slot);
            }
            match slot.state.replace(State::Queued) {
                State::RunningWoken => self.woken.push(slot),
                _ if polled.woken => self.yielded.push(slot),
                _ => slot.state.set(State::Asleep),
            }
        }
        let failure = self.failure.borrow_mut().take();
        if let Some((name, error)) = failure
            && self.may_print()
        {
            say(format_args!("task {name}: {error}"));
        }
    }
}

/// The turn of a task that is being polled. When it ends, another task may be polled, and this one is no more.
struct Turn<'t> {
    tasks: &'t Tasks,
    slot: &'static Slot,
    outer: Option<&'static Slot>,
}

impl Turn<'_> {
    /// The task goes on after this turn.
    fn goes_on(self) {
        self.tasks.current.set(self.outer);
        core::mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Self { tasks, slot, outer } = *self;
        tasks.current.set(outer);
        slot.deadline.set(None);
        slot.generation.set(slot.generation.get().wrapping_add(1));
        tasks.ended(slot);
        tasks.retire(slot);
    }
}

impl PollTasks for Tasks {
    fn tasks(&'static self) -> &'static Tasks {
        self
    }

    fn is_due(&self, now: Instant) -> bool {
        self.woken.len() + self.yielded.len() > 0
            || self.timers.first().is_some_and(|(deadline, _)| deadline <= now)
            || self.keepers.get() > 0 && self.kept_wakes.get() != kept_wakes()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(deadline, _)| deadline)
    }

    fn run(&'static self, now: Instant, say: &mut dyn FnMut(fmt::Arguments<'_>)) {
        self.now.set(now);
        for _ in 0..POLLS_A_TURN {
            match self.timers.first() {
                Some((deadline, slot)) if deadline <= now => {
                    self.timers.remove(slot);
                    self.wake(slot.reference());
                }
                _ => break,
            }
        }
        self.wake_keepers();
        for _ in 0..self.woken.len().min(POLLS_A_TURN) {
            if let Some(slot) = self.woken.pop() {
                self.poll(slot, say);
            }
        }
        if let Some(slot) = self.yielded.pop() {
            self.poll(slot, say);
        }
    }

    fn close(&'static self) {
        self.is_closed.set(true);
        let mut next = self.newest.get();
        while let Some(slot) = next {
            self.cancel(slot.reference());
            next = slot.older;
        }
        // Those that were cancelled in a queue are retired.
        for queue in [&self.woken, &self.yielded] {
            while let Some(slot) = queue.pop() {
                self.retire(slot);
            }
        }
        self.futures.give_kept();
    }
}
