//! The replies under one sort of network.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many wrong or missing replies are described.
const DESCRIBED: usize = 5;

/// The replies under one sort of network, in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The time of each right reply, in microseconds.
    pub times: Vec<u32>,
    /// Replies that had to come and did not.
    pub missing: u64,
    /// Replies that did not come, to requests that the network had lost a part of.
    pub lost: u64,
    /// Replies that were wrong.
    pub wrong: u64,
    /// Some of those that were wrong or missing, in words.
    pub described: Vec<String>,
}

impl Tally {
    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        let Self { times, missing, lost, wrong, .. } = self;
        times.is_empty() && *missing + *lost + *wrong == 0
    }

    pub(crate) fn right(&mut self, time: Duration) {
        self.times.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn wrong(&mut self, words: String) {
        self.wrong += 1;
        self.describe(words);
    }

    /// A reply did not come, though the network lost nothing of its request.
    pub(crate) fn missing(&mut self, words: String) {
        self.missing += 1;
        self.describe(words);
    }

    fn describe(&mut self, words: String) {
        if self.described.len() < DESCRIBED {
            self.described.push(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_counted_and_a_few_described() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        tally.right(Duration::from_millis(2));
        tally.right(Duration::MAX);
        for number in 0..10 {
            tally.wrong(format!("wrong {number}"));
            tally.missing(format!("missing {number}"));
        }
        assert_eq!((&tally.times[..], tally.wrong, tally.missing), (&[2000, u32::MAX][..], 10, 10));
        assert_eq!(tally.described[..2], ["wrong 0", "missing 0"]);
        assert_eq!(tally.described.len(), DESCRIBED);
    }
}
