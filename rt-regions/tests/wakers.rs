//! What a user of the crate relies on: the wakers that tasks are polled with are good whatever becomes of them.

#[path = "common/static_pool.rs"]
#[allow(unused_imports, reason = "other tests lend more than a pool")]
mod static_pool;

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};

use rt_regions::{Polled, Region, Task, kept_wakes};
use static_pool::{WAITING, wait, with_pool};

/// Of the tests of this file only this one wakes a kept waker.
#[test]
fn wakers_are_good_whenever_they_are_woken() {
    /// Wakes when it is dropped.
    struct Wakes(Waker);
    impl Drop for Wakes {
        fn drop(&mut self) {
            self.0.wake_by_ref();
        }
    }
    let kept = RefCell::new(Vec::new());
    with_pool(8, |pool| {
        let before = kept_wakes();
        let mut task = Task::new(Region::new(pool, "task"), async |_| {
            poll_fn(|context| {
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            })
            .await;
        })
        .unwrap();
        let woken = Polled { result: Poll::Pending, woken: true };
        (0..3).for_each(|_| assert_eq!(task.poll_once(), woken));
        assert_eq!((kept_wakes(), task.keeps_wakers()), (before, false));

        let mut task = Task::new(Region::new(pool, "task"), async |_| {
            wait().await;
            let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
            assert!(waker.will_wake(&waker.clone()));
            kept.borrow_mut().push(waker.clone());
            let _wakes = Wakes(waker);
            loop {
                wait().await;
            }
        })
        .unwrap();
        assert_eq!((task.poll_once(), task.keeps_wakers()), (WAITING, false));
        (0..2).for_each(|_| assert_eq!((task.poll_once(), task.keeps_wakers()), (WAITING, true)));
        kept.borrow()[0].wake_by_ref();
        assert_eq!(kept_wakes(), before.wrapping_add(1));
        drop(task);
        assert_eq!(kept_wakes(), before.wrapping_add(2), "its destructor has woken");
    });
    // The task, its region and the pool are gone.
    let before = kept_wakes();
    let waker = kept.take().remove(0);
    let other = waker.clone();
    thread::spawn(move || other.wake()).join().unwrap();
    waker.wake();
    assert_eq!(kept_wakes(), before.wrapping_add(2));
}

/// During a poll the waker may be used on other threads.
#[test]
fn a_lent_waker_may_be_woken_on_another_thread() {
    with_pool(2, |pool| {
        let mut task = Task::new(Region::new(pool, "task"), async |_| {
            poll_fn(|context| {
                let waker = context.waker();
                thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join().unwrap());
                Poll::<()>::Pending
            })
            .await;
        })
        .unwrap();
        assert_eq!(task.poll_once(), Polled { result: Poll::Pending, woken: true });
    });
}

#[test]
fn a_task_may_be_polled_with_another_waker() {
    with_pool(2, |pool| {
        let task = Task::new(Region::new(pool, "task"), async |region| {
            wait().await;
            *region.alloc(7).unwrap()
        });
        let mut task = pin!(task.unwrap());
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(task.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(task.as_mut().poll(&mut context), Poll::Ready(7));
    });
}
