//! The questions of this core that wait: for their turn, and then for their answer.

use core::{cell::Cell, mem::ManuallyDrop};

use rt_regions::{Exhausted, Region, SlabBox};
use tasks::{TaskRef, Tasks};

use crate::wire::Kind;

/// What became of a question: the kind of the message, and its bytes, with the head before them; none if there was no memory.
pub(crate) type Outcome = (Kind, Result<SlabBox<'static, [u8]>, Exhausted>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// It waits for its turn.
    Waiting,
    /// It was sent.
    Sent,
}

/// The place of a question.
struct Place {
    state: Cell<State>,
    /// Its number, which no other question ever has. The rest, divided by the number of places, is its place.
    number: Cell<u64>,
    to: Cell<usize>,
    /// The task that waits.
    task: Cell<Option<TaskRef>>,
    /// Without a destructor, so that it can lie in a region.
    outcome: ManuallyDrop<Cell<Option<Outcome>>>,
}

/// The questions to one core.
#[derive(Default)]
struct Lane {
    /// How many were sent and have no answer yet.
    sent: Cell<usize>,
    /// How many wait for their turn.
    waiting: Cell<usize>,
}

/// All questions of a core.
pub(crate) struct Asks {
    tasks: &'static Tasks,
    places: &'static [Place],
    lanes: &'static [Lane],
    /// How many can be on their way to each core.
    most: usize,
    asked: Cell<u64>,
}

impl Asks {
    /// No questions yet, and room for so many, to one of `count` cores each.
    pub(crate) fn new(
        tasks: &'static Tasks,
        places: usize,
        count: usize,
        most: usize,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        let places = memory.alloc_slice_with(places, |_| Place {
            state: Cell::new(State::Free),
            number: Cell::new(0),
            to: Cell::new(0),
            task: Cell::new(None),
            outcome: ManuallyDrop::new(Cell::new(None)),
        })?;
        let lanes = memory.alloc_slice_with(count, |_| Lane::default())?;
        Ok(Self { tasks, places, lanes, most, asked: Cell::new(0) })
    }

    /// A place for a question to the core `to`; `None` if all are taken.
    pub(crate) fn take(&'static self, to: usize) -> Option<Ask> {
        let index = self.places.iter().position(|place| place.state.get() == State::Free)?;
        let place = &self.places[index];
        self.asked.set(self.asked.get() + 1);
        place.number.set(self.asked.get() * self.places.len() as u64 + index as u64);
        place.to.set(to);
        place.state.set(State::Waiting);
        let lane = &self.lanes[to];
        lane.waiting.set(lane.waiting.get() + 1);
        Some(Ask { asks: self, place })
    }

    /// Gives a question its outcome, and wakes who waits for it. False if nobody waits for it any more.
    pub(crate) fn finish(&self, number: u64, outcome: Outcome) -> bool {
        let place = &self.places[(number % self.places.len() as u64) as usize];
        if place.number.get() != number || place.state.get() == State::Free {
            return false;
        }
        place.outcome.set(Some(outcome));
        if let Some(task) = place.task.take() {
            self.tasks.wake(task);
        }
        true
    }

    /// The question to `to` that has waited the longest.
    fn oldest(&self, to: usize) -> Option<&'static Place> {
        let waits = |place: &&Place| place.state.get() == State::Waiting && place.to.get() == to;
        self.places.iter().filter(waits).min_by_key(|place| place.number.get())
    }
}

/// A question that waits, until it is dropped.
pub(crate) struct Ask {
    asks: &'static Asks,
    place: &'static Place,
}

impl Ask {
    pub(crate) fn number(&self) -> u64 {
        self.place.number.get()
    }

    /// Whether it may be sent now: there is room on the way, and no other question to that core waits for longer.
    pub(crate) fn is_its_turn(&self) -> bool {
        let to = self.place.to.get();
        let lane = &self.asks.lanes[to];
        let is_first = || {
            self.asks.oldest(to).is_none_or(|oldest| oldest.number.get() == self.place.number.get())
        };
        lane.sent.get() < self.asks.most && (lane.waiting.get() == 1 || is_first())
    }

    /// It was sent.
    pub(crate) fn sent(&self) {
        let lane = &self.asks.lanes[self.place.to.get()];
        lane.waiting.set(lane.waiting.get() - 1);
        lane.sent.set(lane.sent.get() + 1);
        self.place.state.set(State::Sent);
    }

    /// Its outcome, if it has come.
    pub(crate) fn take_outcome(&self) -> Option<Outcome> {
        self.place.outcome.take()
    }

    /// Notes the task that is to be woken.
    pub(crate) fn wait(&self) {
        self.place.task.set(self.asks.tasks.current());
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        let (to, state) = (self.place.to.get(), self.place.state.replace(State::Free));
        let lane = &self.asks.lanes[to];
        let count = if state == State::Sent { &lane.sent } else { &lane.waiting };
        count.set(count.get() - 1);
        self.place.task.set(None);
        drop(self.place.outcome.take());
        // Another one may have its turn.
        if lane.waiting.get() > 0
            && let Some(task) = self.asks.oldest(to).and_then(|place| place.task.take())
        {
            self.asks.tasks.wake(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;

    use testkit::program_memory;

    use super::*;

    fn asks(places: usize, most: usize) -> &'static Asks {
        let memory = program_memory(40);
        let tasks = Tasks::new(memory).unwrap();
        Box::leak(Box::new(Asks::new(tasks, places, 3, most, memory).unwrap()))
    }

    fn answer() -> Outcome {
        (Kind::NoService, Err(program_memory(1).alloc_slice_with(1 << 20, |_| 0).unwrap_err()))
    }

    #[test]
    fn as_many_are_sent_as_there_is_room_for_and_the_oldest_goes_first() {
        let asks = asks(8, 2);
        let [first, second, third, fourth] = [0; 4].map(|_| asks.take(1).unwrap());
        let elsewhere = asks.take(2).unwrap();
        let turns = || [&first, &second, &third, &fourth].map(Ask::is_its_turn);
        assert_eq!(turns(), [true, false, false, false]);
        assert!(elsewhere.is_its_turn());
        first.sent();
        assert!(second.is_its_turn() && !third.is_its_turn());
        second.sent();
        assert!(!third.is_its_turn() && !fourth.is_its_turn());
        drop(first);
        assert!(third.is_its_turn() && !fourth.is_its_turn());
        // One that gives up lets the next one go.
        drop(third);
        assert!(fourth.is_its_turn());
    }

    #[test]
    fn an_outcome_is_for_the_question_with_its_number() {
        let asks = asks(2, 2);
        let one = asks.take(1).unwrap();
        let other = asks.take(1).unwrap();
        assert!(asks.take(1).is_none(), "there are two places");
        let number = one.number();
        assert!(asks.finish(number, answer()));
        assert!(other.take_outcome().is_none() && one.take_outcome().is_some());
        drop(one);
        assert!(!asks.finish(number, answer()), "nobody waits for it");
        // Whoever has its place now is not meant.
        let next = asks.take(2).unwrap();
        assert!(!asks.finish(number, answer()) && next.take_outcome().is_none());
        assert!(!asks.finish(u64::MAX, answer()));
        assert_ne!(next.number(), number);
    }
}
