//! What a task that computes for long does, so that others have their turn.

use core::{future::poll_fn, task::Poll};

/// Lets others have their turn: one packet, and all tasks that were woken. Of the tasks that yield, the loop polls one
/// in each turn, the one that has waited longest.
///
/// It works in any executor.
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Yields after a certain amount of work, in whatever unit the work is counted.
///
/// Between two yields nothing else is served, so choose the amount such that it takes 100 microseconds or less.
///
/// ```
/// async fn sum(numbers: &[u64]) -> u64 {
///     let (mut pace, mut sum) = (tasks::Pace::new(10_000), 0);
///     for chunk in numbers.chunks(100) {
///         sum += chunk.iter().sum::<u64>();
///         pace.spend(chunk.len()).await;
///     }
///     sum
/// }
/// # let numbers: Vec<u64> = (0..100_000).collect();
/// # assert_eq!(embassy_futures::block_on(sum(&numbers)), 4_999_950_000);
/// ```
#[derive(Debug)]
pub struct Pace {
    slice: usize,
    left: usize,
}

impl Pace {
    /// Yields after each `slice` units of work.
    pub const fn new(slice: usize) -> Self {
        Self { slice, left: slice }
    }

    /// Notes that so many units of work were done, and yields if that completes a slice.
    pub async fn spend(&mut self, work: usize) {
        match self.left.checked_sub(work) {
            Some(left) if left > 0 => self.left = left,
            _ => {
                self.left = self.slice;
                yield_now().await;
            }
        }
    }
}
