//! The searches that are under way: never two for the same (RFC 5452 5), and only so many at once.

use core::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use siphasher::sip::SipHasher13;
use tasks::{TaskRef, Tasks};

use crate::{Name, cache::Key, wire::RecordType};

/// How many searches are under way at once, at most. Others wait.
const MOST: usize = 32;

/// How many tasks wait to be woken when a search ends. Others look from time to time.
const MOST_WAITING: usize = 64;

/// How often.
const INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct Flights {
    hasher: SipHasher13,
    /// The hashes of what is searched for.
    running: [Cell<Option<u64>>; MOST],
    waiting: RefCell<[Option<TaskRef>; MOST_WAITING]>,
    /// How many searches have ended.
    ended: Cell<u64>,
}

impl Flights {
    /// None. `secret` is known to nobody.
    pub(super) fn new(secret: u128) -> Self {
        Self {
            hasher: SipHasher13::new_with_keys(secret as u64, (secret >> 64) as u64),
            running: [const { Cell::new(None) }; MOST],
            waiting: RefCell::new([None; MOST_WAITING]),
            ended: Cell::new(0),
        }
    }

    /// Begins a search, unless there is one for the same, or there are too many.
    pub(super) fn begin(
        &self,
        tasks: &'static Tasks,
        name: &Name,
        kind: RecordType,
    ) -> Option<Flight<'_>> {
        let hash = Some(self.hasher.hash(Key::new(name, kind).as_bytes()));
        if self.running.iter().any(|running| running.get() == hash) {
            return None;
        }
        let place = self.running.iter().find(|running| running.get().is_none())?;
        place.set(hash);
        Some(Flight { flights: self, place, tasks })
    }

    /// Waits until a search has ended.
    pub(super) fn change(&self, tasks: &'static Tasks) -> impl Future<Output = ()> {
        let ended = self.ended.get();
        let mut is_noted = false;
        poll_fn(move |context| {
            if self.ended.get() != ended {
                return Poll::Ready(());
            }
            if !is_noted {
                let mut waiting = self.waiting.borrow_mut();
                if let Some(place) = waiting.iter_mut().find(|place| place.is_none()) {
                    *place = tasks.current();
                    is_noted = true;
                }
            }
            if !is_noted {
                let _ = pin!(tasks.sleep(INTERVAL)).poll(context);
            }
            Poll::Pending
        })
    }
}

/// A search that is under way. When it is dropped, it has ended.
pub(super) struct Flight<'f> {
    flights: &'f Flights,
    place: &'f Cell<Option<u64>>,
    tasks: &'static Tasks,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.place.set(None);
        self.flights.ended.set(self.flights.ended.get() + 1);
        for task in self.flights.waiting.replace([None; MOST_WAITING]).into_iter().flatten() {
            self.tasks.wake(task);
        }
    }
}
