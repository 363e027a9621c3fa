//! What a service says: shown as it comes, but for what it prints at its end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Shows lines on standard error, as long as they are wanted.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    is_on: Arc<AtomicBool>,
}

impl Listener {
    /// One that shows lines from the beginning, or not yet.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on: Arc::new(AtomicBool::new(is_on)) }
    }

    /// What is called with each line.
    pub(super) fn show(&self) -> impl FnMut(&str) + Send + use<> {
        let is_on = Arc::clone(&self.is_on);
        move |line| {
            if is_on.load(Ordering::Relaxed) {
                eprintln!("{line}");
            }
        }
    }

    /// Shows lines from now on, or does not.
    pub(super) fn turn(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
    }
}
