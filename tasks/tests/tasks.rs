//! What a program relies on: tasks are polled when what they wait for is there, and give everything back.

use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use embassy_futures::{
    join::join,
    select::{Either, select},
};
use layer::Instant;
use rt_regions::{Limit, PAGE_SIZE, RegionVec};
use tasks::{Pace, PollTasks, SpawnError, TaskRef, Tasks, yield_now};
use testkit::program_memory;

const SECOND: Duration = Duration::from_secs(1);

fn tasks(pages: usize) -> &'static Tasks {
    Tasks::new(program_memory(pages)).unwrap()
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + seconds as u32 * SECOND
}

/// How often a loop is to run: a few times under Miri, which takes some thousand times as long.
const fn rounds(natively: usize, under_miri: usize) -> usize {
    if cfg!(miri) { under_miri } else { natively }
}

/// One turn; nothing is to be printed.
fn run(tasks: &'static Tasks, now: Instant) {
    tasks.run(now, &mut |line| panic!("{line}"));
}

/// Turns until nothing is due at `now`; says how many turns it took.
fn settle(tasks: &'static Tasks, now: Instant) -> usize {
    let mut turns = 0;
    while tasks.is_due(now) {
        run(tasks, now);
        turns += 1;
        assert!(turns < 100_000, "the tasks never sleep");
    }
    turns
}

#[test]
fn timers_wake_in_the_order_of_their_moments() {
    let (tasks, log) = (tasks(64), Rc::new(RefCell::new(Vec::new())));
    for seconds in [3, 1, 2, 1] {
        let log = log.clone();
        tasks
            .spawn("timer", async move |_| {
                tasks.sleep_until(at(seconds)).await;
                log.borrow_mut().push((seconds, tasks.now()));
                Ok(())
            })
            .unwrap();
    }
    assert_eq!((tasks.len(), tasks.next_deadline()), (4, None));
    settle(tasks, Instant::ZERO);
    for now in 1..=3 {
        assert_eq!(tasks.next_deadline(), Some(at(now)));
        settle(tasks, at(now));
    }
    assert_eq!(*log.borrow(), [(1, at(1)), (1, at(1)), (2, at(2)), (3, at(3))]);
    assert!(tasks.is_empty());
    assert_eq!(tasks.next_deadline(), None);
}

#[test]
fn no_turn_looks_at_ten_thousand_that_sleep() {
    let (count, turns) = (rounds(10_000, 50), rounds(1_000, 10));
    let tasks = tasks(count * 2);
    let free = tasks.pool().free_pages();
    for number in 0..count {
        let spawned = tasks.spawn("sleeper", async move |_| {
            tasks.sleep_until(at(1) + Duration::from_micros(number as u64)).await;
            Ok(())
        });
        spawned.unwrap();
    }
    settle(tasks, Instant::ZERO);
    let polls = || tasks.stats().polls as usize;
    assert_eq!((polls(), tasks.len()), (count, count));
    // Their futures share pages; and their slots.
    let (pages, most) = (free - tasks.pool().free_pages(), count * (320 + 136) / PAGE_SIZE + 2);
    assert!(pages <= most, "{pages} pages, {most} are enough");
    tasks
        .spawn("busy", async move |_| {
            for _ in 0..turns {
                yield_now().await;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(settle(tasks, Instant::from_millis(500)), turns);
    assert_eq!(polls(), count + turns + 1);
    // When all are due at once, each turn polls some of them.
    run(tasks, at(2));
    assert_eq!(polls(), count + turns + 1 + 32);
    settle(tasks, at(2));
    assert!(tasks.is_empty());
}

#[test]
fn a_quick_task_waits_for_one_slice_of_those_that_compute() {
    const YIELDS: usize = rounds(100, 5);
    let (tasks, turns) = (tasks(64), Rc::new(Cell::new(0)));
    for _ in 0..20 {
        let spawned = tasks.spawn("computes", async |_| {
            let mut pace = Pace::new(10);
            for _ in 0..10 * YIELDS {
                pace.spend(1).await;
            }
            Ok(())
        });
        spawned.unwrap();
    }
    run(tasks, at(0));
    run(tasks, at(0));
    let counted = turns.clone();
    tasks
        .spawn("quick", async move |_| {
            counted.set(counted.get() + 1);
            Ok(())
        })
        .unwrap();
    run(tasks, at(0));
    assert_eq!((turns.get(), tasks.len()), (1, 20));
    // 20 tasks, of which the turns so far polled 21, 1 and 1.
    assert_eq!(settle(tasks, at(0)), 20 * (YIELDS + 1) - 23);
}

#[test]
fn a_task_that_is_cancelled_while_it_waits_gives_everything_back() {
    struct Dropped(Rc<Cell<u32>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let (tasks, dropped) = (tasks(512), Rc::new(Cell::new(0)));
    let spawn = |seconds: u64| {
        let kept = Dropped(dropped.clone());
        let spawned = tasks.spawn("waits", async move |region| {
            let mut bytes = RegionVec::new(region);
            for _ in 0..rounds(10_000, 1_000) {
                bytes.push(7_u64)?;
            }
            tasks.sleep_until(at(seconds)).await;
            drop(kept);
            Ok(())
        });
        spawned.unwrap()
    };
    // Before its first poll.
    let first = spawn(1);
    // The page of its future is kept for the next one.
    let free = tasks.pool().free_pages();
    tasks.cancel(first);
    settle(tasks, at(0));
    assert_eq!((dropped.get(), tasks.pool().free_pages()), (1, free));
    // Asleep, with deadlines on both sides of its own.
    let all: Vec<TaskRef> = (1..=5).map(spawn).collect();
    settle(tasks, at(0));
    tasks.cancel(all[2]);
    assert_eq!((dropped.get(), tasks.len()), (2, 4));
    // Woken, but not polled yet.
    tasks.wake(all[1]);
    tasks.cancel(all[1]);
    assert_eq!((dropped.get(), tasks.len(), all[1].is_alive()), (3, 3, false));
    // Its slot is taken by another one, which a stale reference does not reach.
    settle(tasks, at(0));
    let next = spawn(9);
    for stale in [first, all[1], all[2]] {
        tasks.cancel(stale);
        tasks.wake(stale);
    }
    settle(tasks, at(5));
    assert_eq!((dropped.get(), tasks.len(), next.is_alive()), (6, 1, true));
    tasks.close();
    // At the end nothing is kept.
    assert_eq!((dropped.get(), tasks.len(), tasks.pool().free_pages()), (7, 0, free + 1));
    assert_eq!(tasks.pool().open_regions().filter(|region| region.name() == "waits").count(), 0);
    let late = tasks.spawn("late", async |_| Ok(()));
    assert_eq!(late, Err(SpawnError::Closed));
}

#[test]
fn a_task_may_cancel_itself_and_start_others_when_it_is_dropped() {
    struct Successor(&'static Tasks, Rc<Cell<bool>>);
    impl Drop for Successor {
        fn drop(&mut self) {
            let ran = self.1.clone();
            let spawned = self.0.spawn("successor", async move |_| {
                ran.set(true);
                Ok(())
            });
            // None is started while the program ends.
            assert!(spawned.is_ok() || !self.1.get());
        }
    }
    let (tasks, ran) = (tasks(64), Rc::new(Cell::new(false)));
    let successor = Successor(tasks, ran.clone());
    tasks
        .spawn("cancels itself", async move |_| {
            let _successor = successor;
            tasks.cancel(tasks.current().unwrap());
            pending().await
        })
        .unwrap();
    settle(tasks, at(0));
    assert_eq!((ran.get(), tasks.len()), (true, 0));
    let successor = Successor(tasks, Rc::default());
    let spawned = tasks.spawn("waits", async move |_| {
        let _successor = successor;
        pending().await
    });
    spawned.unwrap();
    tasks.close();
    assert!(tasks.is_empty());
}

#[test]
fn a_task_that_is_woken_while_it_runs_is_polled_again() {
    let (tasks, polls) = (tasks(16), Rc::new(Cell::new(0)));
    let counted = polls.clone();
    let spawned = tasks.spawn("wakes itself", async move |_| {
        poll_fn(|_| {
            counted.set(counted.get() + 1);
            if counted.get() == 3 {
                return Poll::Ready(());
            }
            tasks.wake(tasks.current().unwrap());
            Poll::Pending
        })
        .await;
        Ok(())
    });
    spawned.unwrap();
    // One poll a turn, so that it does not keep others from theirs.
    assert_eq!((settle(tasks, at(0)), polls.get()), (3, 3));
}

#[test]
fn an_error_is_a_line_and_the_others_go_on() {
    let tasks = tasks(16);
    tasks
        .spawn("greedy", async |region| {
            loop {
                region.alloc([0_u8; 4096])?;
            }
        })
        .unwrap();
    let other = tasks.spawn("other", async move |_| {
        tasks.sleep(SECOND).await;
        Ok(())
    });
    let mut lines = Vec::new();
    while tasks.is_due(at(0)) {
        tasks.run(at(0), &mut |line| lines.push(line.to_string()));
    }
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("task greedy: region greedy: no room"), "{line}");
    assert!(other.unwrap().is_alive());
    let stats = tasks.stats();
    assert_eq!((stats.spawned, stats.ended, stats.failed), (2, 1, 1));
}

#[test]
fn many_errors_are_ten_lines_a_second() {
    let tasks = tasks(64);
    let mut lines = 0;
    for round in 1..=5_u32 {
        for _ in 0..40 {
            tasks.spawn("fails", async |_| Err(tasks::TaskError::new("as planned"))).unwrap();
        }
        let now = at(0) + round * SECOND / 2;
        while tasks.is_due(now) {
            tasks.run(now, &mut |_| lines += 1);
        }
    }
    // At 0.5, 1.5 and 2.5 seconds.
    assert_eq!((tasks.stats().failed, lines), (200, 30));
}

#[test]
fn all_tasks_together_have_a_cap() {
    let memory = program_memory(64);
    let tasks = Tasks::with_cap(memory, 8 * PAGE_SIZE).unwrap();
    let mut spawned = 0;
    let error = loop {
        match tasks.spawn("waits", async |_| pending().await) {
            Ok(_) => spawned += 1,
            Err(error) => break error,
        }
    };
    // Each takes less than 300 bytes.
    assert!((8 * PAGE_SIZE / 300..8 * PAGE_SIZE / 200).contains(&spawned), "{spawned}");
    assert!(matches!(error, SpawnError::Exhausted(e) if e.limit == Limit::Cap), "{error:?}");
    assert_eq!(tasks.stats().not_spawned, 1);
    let region = memory.pool().unwrap().free_pages();
    assert!(region > 50, "packets still have room: {region}");
    tasks.close();
    // What could not be started has left nothing behind.
    assert_eq!(tasks.stats().ended, spawned as u64);
}

#[test]
fn a_task_that_panics_ends_alone() {
    let tasks = tasks(64);
    let free = tasks.pool().free_pages();
    tasks
        .spawn("panics", async move |region| {
            region.alloc([0_u8; 4096])?;
            tasks.sleep_until(at(1)).await;
            resume_unwind(Box::new("planned"))
        })
        .unwrap();
    let other = tasks.spawn("other", async move |_| {
        tasks.sleep_until(at(2)).await;
        Ok(())
    });
    settle(tasks, at(0));
    assert!(catch_unwind(AssertUnwindSafe(|| settle(tasks, at(1)))).is_err());
    assert_eq!((tasks.len(), tasks.current()), (1, None));
    assert!(other.unwrap().is_alive());
    settle(tasks, at(2));
    assert!(tasks.is_empty());
    // The page of the slots stays, and one is kept for the next futures.
    assert_eq!(tasks.pool().free_pages(), free - 1);
}

#[test]
fn wakers_of_other_libraries_wake_also_when_the_task_is_gone() {
    let (tasks, kept) = (tasks(64), Rc::new(RefCell::new(None::<Waker>)));
    let (stored, ready) = (kept.clone(), Rc::new(Cell::new(false)));
    let is_ready = ready.clone();
    tasks
        .spawn("keeps a waker", async move |_| {
            poll_fn(|context| {
                *stored.borrow_mut() = Some(context.waker().clone());
                if is_ready.get() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            Ok(())
        })
        .unwrap();
    settle(tasks, at(0));
    assert!(!tasks.is_due(at(0)));
    ready.set(true);
    kept.borrow().as_ref().unwrap().wake_by_ref();
    assert!(tasks.is_due(at(0)));
    settle(tasks, at(0));
    assert!(tasks.is_empty());
    kept.borrow_mut().take().unwrap().wake();
    assert!(!tasks.is_due(at(0)), "no task keeps a waker");
}

#[test]
fn parts_of_a_task_wait_together() {
    let (tasks, log) = (tasks(64), Rc::new(Cell::new(None)));
    let result = log.clone();
    tasks
        .spawn("joins", async move |_| {
            let first = select(tasks.sleep_until(at(5)), tasks.sleep_until(at(2))).await;
            let woken = tasks.now();
            join(tasks.sleep_until(at(3)), tasks.sleep_until(at(4))).await;
            result.set(Some((matches!(first, Either::Second(())), woken, tasks.now())));
            Ok(())
        })
        .unwrap();
    let mut moments = Vec::new();
    settle(tasks, at(0));
    while let Some(deadline) = tasks.next_deadline() {
        moments.push(deadline);
        settle(tasks, deadline);
    }
    assert_eq!(moments, [at(2), at(3), at(4)]);
    assert_eq!(log.get(), Some((true, at(2), at(4))));
}

/// Tasks that do one random thing after the other, beside a list of what each is up to.
#[test]
fn a_model_knows_who_is_alive_and_all_pages_come_back() {
    let tasks = tasks(2_048);
    let mut state = 11_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let (mut alive, mut now) = (Vec::<(TaskRef, u64)>::new(), 0_u64);
    for _ in 0..rounds(20_000, 200) {
        match random(5) {
            0 | 1 if alive.len() < 500 => {
                let end = now + random(50);
                let bytes = random(rounds(9_000, 600) as u64) as usize;
                let spawned = tasks.spawn("random", async move |region| {
                    region.alloc_slice_with(bytes, |_| 1_u8)?;
                    let mut pace = Pace::new(3);
                    for _ in 0..bytes % 7 {
                        pace.spend(1).await;
                    }
                    tasks.sleep_until(Instant::from_millis(end)).await;
                    Ok(())
                });
                alive.push((spawned.unwrap(), end));
            }
            2 if !alive.is_empty() => {
                let (task, _) = alive.swap_remove(random(alive.len() as u64) as usize);
                assert!(task.is_alive());
                tasks.cancel(task);
                assert!(!task.is_alive());
            }
            3 if !alive.is_empty() => tasks.wake(alive[random(alive.len() as u64) as usize].0),
            4 => {
                now += random(10);
                settle(tasks, Instant::from_millis(now));
                alive.retain(|(task, end)| {
                    assert_eq!(task.is_alive(), *end > now);
                    *end > now
                });
            }
            _ => run(tasks, Instant::from_millis(now)),
        }
        alive.retain(|(task, end)| {
            assert!(task.is_alive() || *end <= now);
            task.is_alive()
        });
        assert_eq!(tasks.len(), alive.len());
    }
    let slots = tasks.memory().pages();
    // As many places as there ever were tasks at once.
    assert!(slots <= 2 + 500 * 144 / PAGE_SIZE, "{slots}");
    tasks.close();
    assert_eq!(tasks.pool().free_pages(), tasks.pool().pages() - slots);
}
