//! What a user of the crate relies on: many tasks that wait share pages.

#[path = "common/panics.rs"]
mod panics;
#[path = "common/static_pool.rs"]
mod static_pool;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Poll,
};

use panics::{Bomb, Dud, burst, bursts};
use rt_regions::{Limit, PAGE_SIZE, Polled, Pool, Region, Slabs, Task};
use static_pool::{WAITING, lend_as_static, wait, with_pool};

const DONE: Polled<()> = Polled { result: Poll::Ready(()), woken: false };

/// Where the tasks of a test lie: the region above theirs, and the slabs of their futures.
#[derive(Clone, Copy)]
struct Home {
    pool: &'static Pool<'static>,
    all: &'static Region<'static>,
    slabs: &'static Slabs<'static>,
}

impl Home {
    fn task<T>(
        self,
        service: impl AsyncFnOnce(&Region<'static>) -> T + 'static,
    ) -> Result<Task<'static, T>, rt_regions::Exhausted> {
        Task::new_in(self.slabs, self.all.child("task"), service)
    }

    /// How many pages are in use.
    fn pages(self) -> usize {
        self.pool.pages() - self.pool.free_pages()
    }
}

/// Runs `test` with tasks that have `cap` pages together, in a pool of `pages` pages.
fn with_home(pages: usize, cap: usize, test: impl FnOnce(Home)) {
    with_pool(pages, |pool| {
        let all = Region::new(pool, "tasks").with_cap(cap * PAGE_SIZE);
        let use_region = |all: &'static mut Region<'static>| {
            let all = &*all;
            let slabs = Slabs::below(all, "futures").unwrap();
            let use_slabs = |slabs: &'static mut Slabs<'static>| {
                test(Home { pool, all, slabs: &*slabs });
                assert_eq!(slabs.pages(), 0);
            };
            // SAFETY: the tasks are gone, and nobody else had the slabs.
            unsafe { lend_as_static(Box::new(slabs), use_slabs) };
        };
        // SAFETY: the slabs and the tasks are gone, and nobody else had the region.
        unsafe { lend_as_static(Box::new(all), use_region) };
    });
}

#[test]
fn a_task_that_allocates_nothing_has_no_page_of_its_own() {
    with_home(16, 16, |home| {
        let waits = |number: u64| {
            home.task(async move |_| {
                wait().await;
                number
            })
        };
        let mut tasks: Vec<_> = (0..20).map(|number| waits(number).unwrap()).collect();
        assert!(home.pages() <= 2, "{} pages", home.pages());
        for task in &mut tasks {
            assert!(task.poll_once().result.is_pending());
            assert_eq!(task.region().unwrap().pages(), 0);
        }
        // They may be moved: the futures stay.
        tasks.reverse();
        for (number, task) in tasks.iter_mut().enumerate() {
            assert_eq!(task.poll_once().result, Poll::Ready(19 - number as u64));
        }
        assert_eq!(home.pages(), 0);
    });
}

#[test]
fn its_region_takes_a_page_when_something_is_allocated() {
    with_home(16, 16, |home| {
        let mut task = home
            .task(async |region| {
                wait().await;
                let bytes = region.alloc_slice(&[7_u8; 5000]).unwrap();
                let child = region.child("child");
                let number = child.alloc(9_u8).unwrap();
                wait().await;
                (bytes.iter().map(|&byte| usize::from(byte)).sum::<usize>(), *number)
            })
            .unwrap();
        assert!(task.poll_once().result.is_pending());
        assert_eq!((task.region().unwrap().pages(), home.pages()), (0, 1));
        assert!(task.poll_once().result.is_pending());
        assert_eq!((task.region().unwrap().pages(), home.pages()), (2, 4));
        let label = home.pool.labels().find(|label| label.name() == "task").unwrap();
        assert_eq!((label.live(), label.pages()), (1, 2));
        assert_eq!(task.poll_once().result, Poll::Ready((35_000, 9)));
        assert_eq!((label.opened(), label.live(), label.pages()), (1, 0, 0));
        assert_eq!(home.pages(), 0);
    });
}

#[test]
fn a_future_that_no_block_holds_has_pages() {
    with_home(16, 16, |home| {
        let mut task = home
            .task(async |_| {
                let large = [7_u8; 2 * PAGE_SIZE];
                wait().await;
                large.iter().map(|&byte| usize::from(byte)).sum::<usize>()
            })
            .unwrap();
        assert_eq!((home.slabs.pages(), task.region().unwrap().pages()), (4, 0));
        assert!(task.poll_once().result.is_pending());
        assert_eq!(task.poll_once().result, Poll::Ready(7 * 2 * PAGE_SIZE));
        // One that is aligned to more than a block is.
        #[repr(align(1024))]
        struct Aligned(u8);
        let aligned = Aligned(7);
        let mut task = home
            .task(async move |_| {
                wait().await;
                (&raw const aligned).addr() % 1024 + usize::from(aligned.0)
            })
            .unwrap();
        assert_eq!(home.slabs.pages(), 1);
        assert!(task.poll_once().result.is_pending());
        assert_eq!(task.poll_once().result, Poll::Ready(7));
    });
}

#[test]
fn where_there_is_no_room_a_task_costs_nothing() {
    with_home(16, 2, |home| {
        let dropped = Rc::new(Cell::new(0));
        let make = || {
            let dud = Dud(dropped.clone());
            let large = [1_u8; 1700];
            home.task(async move |_| {
                wait().await;
                drop((large, dud));
            })
        };
        let mut tasks: Vec<_> = (0..4).map(|_| make().unwrap()).collect();
        assert_eq!(home.pages(), 2);
        let refused = make().unwrap_err();
        assert_eq!((refused.limit, refused.allowed()), (Limit::Cap, 2 * PAGE_SIZE));
        assert!(refused.requested() > 1700);
        assert_eq!((dropped.get(), home.all.pages()), (1, 0));
        // What tasks allocate is below the same cap.
        tasks.truncate(2);
        let mut writer = home.task(async |region| region.alloc(0_u8).map(|_| ())).unwrap();
        assert_eq!(home.pages(), 2);
        let Poll::Ready(Err(refused)) = writer.poll_once().result else { panic!("no such room") };
        assert_eq!((refused.limit, refused.allowed()), (Limit::Cap, 2 * PAGE_SIZE));
        // The pool is used up.
        drop(tasks);
        let taken = Region::new(home.pool, "taken");
        while taken.alloc_slice(&[0_u8; PAGE_SIZE]).is_ok() {}
        assert_eq!(make().unwrap_err().limit, Limit::Pool);
        drop(taken);
        assert_eq!((home.pages(), make().is_ok()), (0, true));
    });
}

#[test]
fn a_destructor_that_panics_gives_the_block_back() {
    with_home(16, 16, |home| {
        let dropped = Rc::new(Cell::new(0));
        let duds = [Dud(dropped.clone()), Dud(dropped.clone())];
        let mut task = home
            .task(async |region| {
                let [in_region, local] = duds;
                region.alloc_dropping(in_region).unwrap();
                region.alloc_slice(&[1_u8; 5000]).unwrap();
                let _locals = (Bomb, local);
                wait().await;
            })
            .unwrap();
        assert_eq!(task.poll_once(), WAITING);
        bursts(|| drop(task));
        assert_eq!((dropped.get(), home.pages()), (2, 0));
        // That of a value in its region, after the future.
        let mut task = home
            .task(async |region| {
                region.alloc_dropping(Bomb).unwrap();
                wait().await;
            })
            .unwrap();
        assert_eq!(task.poll_once(), WAITING);
        bursts(|| drop(task));
        assert_eq!(home.pages(), 0);
        // When it is done.
        let bomb = Bomb;
        let mut task = home.task(async move |_| {
            let _kept = bomb;
        });
        bursts(|| task.as_mut().unwrap().poll_once());
        drop(task);
        assert_eq!(home.pages(), 0);
        // What makes the future may panic too, and what is captured when there is no room.
        let panics = |_: &Region<'_>| -> std::future::Ready<()> { burst() };
        bursts(|| home.task(panics).map(drop));
        assert_eq!(home.pages(), 0);
        let large = [0_u8; 17 * PAGE_SIZE];
        let bomb = Bomb;
        bursts(|| home.task(async move |_| drop((bomb, large))).map(drop));
        assert_eq!(home.pages(), 0);
    });
}

#[test]
fn a_future_that_panics_lies_there_until_its_task_is_dropped() {
    with_home(16, 16, |home| {
        let mut task = home
            .task(async |region| -> () {
                region.alloc_slice(&[1_u8; 10]).unwrap();
                wait().await;
                burst()
            })
            .unwrap();
        assert_eq!(task.poll_once(), WAITING);
        bursts(|| task.poll_once());
        assert_eq!((task.is_done(), home.pages()), (false, 2));
        drop(task);
        assert_eq!(home.pages(), 0);
    });
}

/// The block of a task is given back while another one is polled, and taken again at once.
#[test]
fn a_task_that_is_polled_may_drop_others_and_make_more() {
    with_home(16, 16, |home| {
        let others = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..3 {
            others.borrow_mut().push(home.task(async |_| wait().await).unwrap());
        }
        let shared = others.clone();
        let mut task = home
            .task(async move |region| {
                let kept = region.alloc(7).unwrap();
                shared.borrow_mut().remove(1);
                for _ in 0..2 {
                    let made = home.task(async |_| wait().await).unwrap();
                    shared.borrow_mut().push(made);
                }
                wait().await;
                // A task that ends drops them.
                drop(shared);
                *kept
            })
            .unwrap();
        assert!(task.poll_once().result.is_pending());
        others.borrow_mut().iter_mut().for_each(|other| assert_eq!(other.poll_once(), WAITING));
        others.borrow_mut().iter_mut().for_each(|other| assert_eq!(other.poll_once(), DONE));
        let mut more = home.task(async |_| wait().await).unwrap();
        assert_eq!(task.poll_once().result, Poll::Ready(7));
        assert_eq!([more.poll_once(), more.poll_once()], [WAITING, DONE]);
        others.borrow_mut().clear();
    });
}

/// Tasks of many sizes come and go in any order: what each holds stays as it was, and all pages come back.
#[test]
fn blocks_of_many_tasks_do_not_meet() {
    fn make<const SIZE: usize>(home: Home, number: u8) -> Task<'static, ()> {
        home.task(async move |region| {
            let bytes = [number; SIZE];
            loop {
                wait().await;
                assert!(bytes.iter().all(|&byte| byte == number));
                if number.is_multiple_of(7) {
                    let allocated = region.alloc_slice(&bytes).unwrap();
                    wait().await;
                    assert_eq!(allocated, bytes);
                }
            }
        })
        .unwrap()
    }
    let makers = [make::<1>, make::<90>, make::<400>, make::<900>, make::<1900>, make::<5000>];
    let steps = if cfg!(miri) { 60 } else { 20_000 };
    with_home(2048, 2048, |home| {
        let (mut tasks, mut random) = (Vec::new(), 7_u32);
        for step in 0..steps {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let choice = (random >> 8) as usize;
            match random >> 30 {
                0 if !tasks.is_empty() => drop(tasks.swap_remove(choice % tasks.len())),
                1 if tasks.len() < 50 => {
                    tasks.push(makers[choice % makers.len()](home, step as u8));
                }
                2 | 3 if !tasks.is_empty() => {
                    let length = tasks.len();
                    assert_eq!(tasks[choice % length].poll_once(), WAITING);
                }
                _ => {}
            }
            // Those that allocate each time they are polled are dropped before they take all.
            if home.pages() > 1500 {
                tasks.clear();
                assert_eq!(home.pages(), 0);
            }
        }
    });
}
