//! What a user of the crate relies on: a task is a future in a region of its own.

#[path = "common/panics.rs"]
mod panics;
#[path = "common/static_pool.rs"]
mod static_pool;

use std::{
    cell::Cell,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use panics::{Bomb, Dud, burst, bursts};
use rt_regions::{Exhausted, Finite, Limit, PAGE_SIZE, Polled, Region, RegionVec, Task};
use static_pool::{WAITING, lend_as_static, wait, with_pool};

const DONE: Polled<()> = Polled { result: Poll::Ready(()), woken: false };

#[test]
fn what_a_future_allocates_lies_in_the_region_that_it_lies_in() {
    with_pool(8, |pool| {
        let mut task = Task::new(Region::new(pool, "task"), async |region| {
            let first = region.alloc_slice(&[7u8; 1000]).unwrap();
            wait().await;
            let mut squares = RegionVec::new(region);
            for number in 0..2000u64 {
                squares.push(number * number).unwrap();
            }
            wait().await;
            let child = region.child("child");
            let text = child.format(format_args!("{} {}", squares[9], first.len())).unwrap();
            wait().await;
            (text.len(), squares.iter().sum::<u64>(), first.iter().all(|&byte| byte == 7))
        })
        .unwrap();
        assert_eq!((task.is_done(), task.region().unwrap().pages()), (false, 1));
        assert!(task.poll_once().result.is_pending());
        assert_eq!(task.region().unwrap().pages(), 1);
        // It may be moved: the future stays.
        let mut elsewhere = Box::new(task);
        assert!(elsewhere.poll_once().result.is_pending());
        assert!(elsewhere.region().unwrap().pages() > 4);
        let mut task = *elsewhere;
        assert!(task.poll_once().result.is_pending());
        let result = Poll::Ready((7, 2_664_667_000, true));
        assert_eq!(task.poll_once(), Polled { result, woken: false });
        assert!(task.is_done() && task.region().is_none());
        assert_eq!(pool.free_pages(), pool.pages());
    });
}

#[test]
fn a_task_that_is_dropped_drops_its_future() {
    with_pool(8, |pool| {
        for polls in 0..3 {
            let dropped = Rc::new(Cell::new(0));
            let [captured, local] = [Dud(dropped.clone()), Dud(dropped.clone())];
            let mut task = Task::new(Region::new(pool, "task"), async |region| {
                region.alloc_dropping(captured).unwrap();
                wait().await;
                let _local = local;
                region.alloc_slice(&[1u8; 3 * PAGE_SIZE]).unwrap();
                loop {
                    wait().await;
                }
            })
            .unwrap();
            (0..polls).for_each(|_| assert_eq!(task.poll_once(), WAITING));
            assert_eq!(dropped.get(), 0);
            drop(task);
            assert_eq!((dropped.get(), Rc::strong_count(&dropped)), (2, 1), "{polls} polls");
            assert_eq!(pool.free_pages(), pool.pages());
        }
    });
}

#[test]
fn a_task_that_is_done_has_dropped_its_future() {
    with_pool(8, |pool| {
        let dropped = Rc::new(Cell::new(0));
        let dud = Dud(dropped.clone());
        let mut task = Task::new(Region::new(pool, "task"), async |_| drop(dud)).unwrap();
        assert_eq!(task.poll_once(), DONE);
        assert_eq!((dropped.get(), pool.free_pages()), (1, pool.pages()));
        let again = catch_unwind(AssertUnwindSafe(|| task.poll_once())).unwrap_err();
        assert!(
            again
                .downcast_ref::<String>()
                .is_none_or(|message| message.contains("after it was done"))
        );
        drop(task);
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn where_there_is_no_room_a_task_costs_nothing() {
    with_pool(4, |pool| {
        let dropped = Rc::new(Cell::new(0));
        let make = |region: Region<'static>| {
            let dud = Dud(dropped.clone());
            Task::new(region, async move |_| {
                let large = [1u8; 2 * PAGE_SIZE];
                wait().await;
                drop((large, dud));
            })
            .map(|_| ())
        };
        let region = |cap| Region::new(pool, "task").with_cap(cap * PAGE_SIZE);
        // Pages, but no run of four.
        let refused = [make(region(0)), make(region(1)), make(region(3))].map(Result::unwrap_err);
        assert_eq!(refused.map(|refused| refused.limit), [Limit::Cap; 3]);
        assert!(refused.iter().all(|refused| refused.requested() > 2 * PAGE_SIZE), "{refused:?}");
        assert_eq!((dropped.get(), pool.free_pages()), (3, pool.pages()));
        let taken = Region::new(pool, "taken");
        assert!((0..4).all(|_| taken.alloc_slice(&[0u8; PAGE_SIZE]).is_ok()));
        assert_eq!(make(region(8)).unwrap_err().limit, Limit::Pool);
        assert_eq!(dropped.get(), 4);
        drop(taken);
        let label = pool.labels().next().unwrap();
        assert_eq!((label.opened(), label.live(), label.pages(), label.refused()), (4, 0, 0, 4));
    });
}

#[test]
fn a_large_future_has_a_run_of_pages() {
    with_pool(16, |pool| {
        let mut task = Task::new(Region::new(pool, "task"), async |_| {
            let large = [7u8; 2 * PAGE_SIZE];
            wait().await;
            large.iter().map(|&byte| usize::from(byte)).sum::<usize>()
        })
        .unwrap();
        assert_eq!(task.region().unwrap().pages(), 4);
        assert!(task.poll_once().result.is_pending());
        assert_eq!(task.poll_once().result, Poll::Ready(7 * 2 * PAGE_SIZE));
    });
}

#[test]
fn a_finite_region_is_room_for_a_task() {
    let room = Box::new(Finite::<800>::new());
    let work = |room: &'static mut Finite<800>| {
        let mut task = Task::new(room.region("finite"), async |region| {
            wait().await;
            region.alloc_slice(&[0u8; 800]).map(|bytes| bytes.len())
        })
        .unwrap();
        assert!(task.poll_once().result.is_pending());
        let Poll::Ready(Err(refused)) = task.poll_once().result else { panic!("no such room") };
        assert_eq!((refused.limit, refused.allowed()), (Limit::Cap, 800));
    };
    // SAFETY: the task is gone, and nobody else had the room.
    unsafe { lend_as_static(room, work) };
}

#[test]
fn a_task_counts_against_the_cap_of_the_region_around_its_own() {
    with_pool(8, |pool| {
        let memory = Box::new(Region::new(pool, "memory").with_cap(2 * PAGE_SIZE));
        let work = |memory: &'static mut Region<'static>| {
            let memory = &*memory;
            let spawn = || Task::new(memory.child("task"), async |_| wait().await);
            let mut tasks = [spawn().unwrap(), spawn().unwrap()];
            let refused = spawn().unwrap_err();
            let cap = (Limit::Cap, 2 * PAGE_SIZE);
            assert_eq!((refused.limit, refused.allowed()), cap);
            tasks.iter_mut().for_each(|task| assert_eq!(task.poll_once(), WAITING));
            assert_eq!(tasks[0].poll_once(), DONE);
            assert!(spawn().is_ok(), "one is done");
        };
        // SAFETY: the tasks are gone, and nobody else had the region.
        unsafe { lend_as_static(memory, work) };
    });
}

#[test]
fn a_future_may_borrow_what_outlives_its_task() {
    with_pool(8, |pool| {
        let sum = Cell::new(0);
        let add = async |number: u32| {
            wait().await;
            sum.set(sum.get() + number);
        };
        let add = &add;
        let mut tasks: Vec<_> = (1..=4)
            .map(|number| Task::new(Region::new(pool, "task"), async move |_| add(number).await))
            .collect::<Result<_, Exhausted>>()
            .unwrap();
        tasks.iter_mut().for_each(|task| assert_eq!(task.poll_once(), WAITING));
        tasks.drain(1..3).for_each(drop);
        tasks.iter_mut().for_each(|task| assert_eq!(task.poll_once(), DONE));
        assert_eq!(sum.get(), 1 + 4);
    });
}

#[test]
fn a_task_may_await_another() {
    with_pool(8, |pool| {
        let mut outer = Task::new(Region::new(pool, "outer"), async |region| {
            let inner = Task::new(Region::new(pool, "inner"), async |region| {
                wait().await;
                region.alloc(20).map(|number| *number)
            })?;
            let kept = region.alloc(1)?;
            Ok::<_, Exhausted>(inner.await? + *kept)
        })
        .unwrap();
        assert!(outer.poll_once().result.is_pending());
        assert_eq!(pool.free_pages(), pool.pages() - 2);
        assert_eq!(outer.poll_once().result, Poll::Ready(Ok(21)));
    });
}

/// It is ready at once, and its destructor panics.
struct ReadyBomb(#[allow(dead_code, reason = "it is there to be dropped")] Bomb);

impl Future for ReadyBomb {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[test]
fn a_destructor_that_panics_gives_the_pages_back() {
    with_pool(8, |pool| {
        let dropped = Rc::new(Cell::new(0));
        for polls in 0..2 {
            let duds = [Dud(dropped.clone()), Dud(dropped.clone())];
            let mut task = Task::new(Region::new(pool, "task"), async |region| {
                let [in_region, local] = duds;
                region.alloc_dropping(in_region).unwrap();
                region.alloc_slice(&[1u8; 5000]).unwrap();
                let _locals = (Bomb, local);
                wait().await;
            })
            .unwrap();
            if polls == 0 {
                drop(task);
            } else {
                assert_eq!(task.poll_once(), WAITING);
                bursts(|| drop(task));
            }
            assert_eq!((dropped.get(), pool.free_pages()), (2 * (polls + 1), pool.pages()));
        }
        // Captured, and never moved into the body.
        let bomb = Bomb;
        let task = Task::new(Region::new(pool, "task"), async |_| drop(bomb)).unwrap();
        bursts(|| drop(task));
        // When it is done.
        let mut task =
            Task::new(Region::new(pool, "task"), |_: &Region<'_>| ReadyBomb(Bomb)).unwrap();
        bursts(|| task.poll_once());
        assert!(task.is_done());
        // When there is no room.
        let (bomb, none) = (Bomb, Region::new(pool, "task").with_cap(0));
        bursts(|| Task::new(none, async |_| drop(bomb)).map(drop));
    });
}

#[test]
fn a_future_that_panics_lies_there_until_its_task_is_dropped() {
    with_pool(8, |pool| {
        let dropped = Rc::new(Cell::new(0));
        let dud = Dud(dropped.clone());
        let mut task = Task::new(Region::new(pool, "task"), async |region| {
            let _dud = dud;
            wait().await;
            region.alloc_slice(&[1u8; 5000]).unwrap();
            burst()
        })
        .unwrap();
        assert!(task.poll_once().result.is_pending());
        bursts(|| -> Polled<()> { task.poll_once() });
        assert_eq!((dropped.get(), task.is_done(), task.region().unwrap().pages()), (1, false, 3));
        drop(task);
        assert_eq!((dropped.get(), pool.free_pages()), (1, pool.pages()));
        // What makes the future may panic too.
        let panics = |_: &Region<'_>| -> std::future::Ready<()> { burst() };
        bursts(|| Task::new(Region::new(pool, "task"), panics).map(drop));
        assert_eq!(pool.free_pages(), pool.pages());
    });
}

/// Its future may be in a list of somebody's, so its memory is not used again.
#[test]
fn a_task_that_is_not_dropped_keeps_its_pages() {
    with_pool(4, |pool| {
        let waits = async |region: &Region<'static>| {
            let kept = region.alloc_slice(&[7u8; 1000]).unwrap();
            wait().await;
            assert!(kept.iter().all(|&byte| byte == 7));
        };
        let mut task = ManuallyDrop::new(Task::new(Region::new(pool, "task"), waits).unwrap());
        assert_eq!(task.poll_once(), WAITING);
        assert!(pool.open_regions().map(|label| label.name()).eq(["task"]));
        let region = Region::new(pool, "others");
        while region.alloc_slice(&[1u8; PAGE_SIZE]).is_ok() {}
        assert_eq!(region.pages(), pool.pages() - 1);
        assert_eq!(task.poll_once(), DONE);
    });
}
