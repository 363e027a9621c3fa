//! Tasks that are made, polled, woken, and dropped while they wait, or that panic. What a task does in its next
//! poll is said before.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use rt_regions::{Exhausted, Polled, Region, Task, kept_wakes};

use super::{
    Machine,
    drops::{Drops, Noisy},
    expected::{Id, Model, NAMES, TASKS},
    held::{self, Held, What},
    panics::{panic_as_planned, panics},
};

/// A task, and what is to be known of it.
pub(crate) struct Job {
    id: Id,
    /// Of the value that it drops in the end.
    number: u64,
    task: Task<'static, u64>,
    state: State,
    shared: Rc<Shared>,
    drops: Drops,
    /// What it has allocated, and not given up.
    places: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    /// The destructor of its value will panic.
    Armed,
    /// It has panicked, and so has dropped what it had.
    Panicked,
    Done,
}

/// What a task and who polls it both know.
#[derive(Default)]
struct Shared {
    order: Cell<Option<Order>>,
    /// Where the last allocation of a poll is.
    allocated: Cell<Option<Result<usize, Exhausted>>>,
    waker: RefCell<Option<Waker>>,
}

/// What a task is to do in a poll.
#[derive(Clone, Copy)]
enum Order {
    Allocate(usize, u16),
    WakeItself,
    KeepWaker,
    Arm,
    Panic,
    End,
}

/// What the task is.
async fn work(region: &Region<'static>, shared: Rc<Shared>, mut noisy: Noisy) -> u64 {
    let mut held: Vec<(u16, &mut [u8])> = Vec::new();
    loop {
        for (seed, bytes) in &held {
            assert!((0..bytes.len()).all(|index| bytes[index] == held::byte(*seed, index)));
        }
        match shared.order.take() {
            Some(Order::Allocate(size, seed)) => {
                let result = region.alloc_slice_with(size, |index| held::byte(seed, index));
                let address = result.as_ref().map(|bytes| bytes.as_ptr().addr());
                shared.allocated.set(Some(address.map_err(|exhausted| *exhausted)));
                held.extend(result.ok().map(|bytes| (seed, bytes)));
            }
            Some(Order::WakeItself) => {
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    Poll::Ready(())
                })
                .await;
            }
            Some(Order::KeepWaker) => {
                let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
                *shared.waker.borrow_mut() = Some(waker);
            }
            Some(Order::Arm) => noisy.panics = true,
            Some(Order::Panic) => panic_as_planned(),
            Some(Order::End) => return noisy.number,
            None => {}
        }
        let mut waited = false;
        poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

impl Machine<'_> {
    /// Makes a task, which does nothing yet.
    pub(crate) fn task<'r>(&mut self) -> Option<Held<'r>> {
        let (limits, seed, number) = (self.limits(), self.seed(), self.steps as u64);
        let id = self.model.open(TASKS, None, limits);
        let region = limits.set(Region::new(self.pool, NAMES[TASKS]));
        let (shared, noisy) = (Rc::new(Shared::default()), self.drops.noisy(number));
        let its = shared.clone();
        match Task::new(region, async move |region| work(region, its, noisy).await) {
            Ok(task) => {
                let region = task.region().expect("it is not done");
                assert_eq!(region.pages(), 1);
                self.model.took_unknown(id, 1, std::ptr::from_ref(region).addr());
                let (drops, places) = (self.drops.clone(), Vec::new());
                let state = State::Waits;
                let job = Job { id, number, task, state, shared, drops, places };
                Some(Held { what: What::Task(job), seed })
            }
            Err(exhausted) => {
                // The future lies beside the region.
                assert!(exhausted.requested() > size_of::<Region<'_>>());
                self.model.refused(id, align_of::<Region<'_>>(), NAMES[TASKS], &exhausted);
                self.model.close(id);
                self.model.drops(number);
                self.drops.check(&mut self.model, false);
                None
            }
        }
    }

    /// Polls a task, or wakes it.
    pub(crate) fn use_task(&mut self, job: &mut Job, seed: u16, kind: usize, size: usize) {
        if !job.waits() {
            return;
        }
        let order = match kind {
            0 => Some(Order::End),
            1 => Some(Order::Panic),
            2 => Some(Order::Arm),
            3 => Some(Order::WakeItself),
            4 => Some(Order::KeepWaker),
            5 => return job.wake(),
            6 => None,
            _ => Some(Order::Allocate(size, seed)),
        };
        job.shared.order.set(order);
        job.poll(&mut self.model, order, size);
    }
}

impl Job {
    /// Whether more can be done with it.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.state, State::Waits | State::Armed)
    }

    /// Its region has the pages that it should have.
    pub(crate) fn verify(&self, model: &Model) {
        assert_eq!(self.task.is_done(), self.state == State::Done);
        if let Some(region) = self.task.region() {
            model.check_region(self.id, region);
        }
    }

    /// Wakes a waker that the task has kept, if it has.
    fn wake(&self) {
        let before = kept_wakes();
        if let Some(waker) = self.shared.waker.take() {
            assert!(self.task.keeps_wakers());
            waker.wake();
            assert_eq!(kept_wakes(), before.wrapping_add(1));
        }
    }

    /// Polls it once. `size` is that of what it is to allocate.
    fn poll(&mut self, model: &mut Model, order: Option<Order>, size: usize) {
        let pages = |task: &Task<'_, u64>| task.region().map_or(0, Region::pages);
        let (before, wakes) = (pages(&self.task), kept_wakes());
        let mut polled = None;
        let panicked = panics(|| polled = Some(self.task.poll_once()));
        let armed = self.state == State::Armed;
        match order {
            Some(Order::End) => {
                assert_eq!(panicked, armed, "its value is dropped");
                self.state = if armed { State::Panicked } else { State::Done };
            }
            Some(Order::Panic) => {
                assert!(panicked);
                self.state = State::Panicked;
            }
            Some(Order::Arm) => self.state = State::Armed,
            _ => {}
        }
        if self.waits() {
            let woken = matches!(order, Some(Order::WakeItself));
            assert_eq!(polled, Some(Polled { result: Poll::Pending, woken }));
        } else {
            assert_eq!(
                polled.map(|polled| polled.result),
                (!panicked).then_some(Poll::Ready(self.number))
            );
            model.drops(self.number);
            self.drops.check(model, panicked && matches!(order, Some(Order::End)));
            self.places.drain(..).for_each(|(start, length)| model.release(start, length));
        }
        assert_eq!(kept_wakes(), wakes, "none was kept and woken");
        match self.shared.allocated.take() {
            Some(Ok(address)) => {
                model.took_unknown(self.id, pages(&self.task) - before, address);
                model.claim(address, size);
                self.places.push((address, size));
            }
            Some(Err(exhausted)) => model.refused(self.id, 1, NAMES[TASKS], &exhausted),
            None => {}
        }
        if self.state == State::Done {
            model.close(self.id);
        }
        self.verify(model);
    }

    /// Drops it, perhaps because its owner panics, and wakes what it has kept then.
    pub(crate) fn end(self, model: &mut Model, owner_panics: bool) {
        let Self { id, number, task, state, shared, drops, places } = self;
        let (keeps_wakers, before) = (task.keeps_wakers(), kept_wakes());
        let panicked = panics(|| {
            let _task = task;
            if owner_panics {
                panic_as_planned();
            }
        });
        assert_eq!(panicked, owner_panics || state == State::Armed);
        places.into_iter().for_each(|(start, length)| model.release(start, length));
        if state != State::Done {
            model.close(id);
        }
        if matches!(state, State::Waits | State::Armed) {
            model.drops(number);
        }
        drops.check(model, panicked && !owner_panics);
        if let Some(waker) = shared.waker.take() {
            waker.wake();
            assert_eq!((kept_wakes(), keeps_wakers), (before.wrapping_add(1), true));
        }
    }
}
