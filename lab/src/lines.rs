//! The lines that somebody writes, kept, and waited for.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Lines that one thread adds and others wait for.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: Mutex<Text>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Adds a line.
    pub(crate) fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.more.notify_all();
    }

    /// There will be no more.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.more.notify_all();
    }

    /// Those that are there.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// How many there are.
    #[cfg(feature = "soak")]
    pub(crate) fn count(&self) -> usize {
        self.lock().lines.len()
    }

    /// Those from number `from` on.
    #[cfg(feature = "soak")]
    pub(crate) fn from(&self, from: usize) -> Vec<String> {
        self.lock().lines.get(from..).unwrap_or_default().to_vec()
    }

    /// Waits until `wanted` holds for a line from number `from` on, and returns that line; none if
    /// there is none within `limit`, or before the end.
    pub(crate) fn wait_for(
        &self,
        from: usize,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let deadline = Instant::now() + limit;
        let mut text = self.lock();
        loop {
            let found = text.lines.iter().skip(from).find(|line| wanted(line));
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || text.ended || left.is_zero() {
                return found.cloned();
            }
            (text, _) = self.more.wait_timeout(text, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
