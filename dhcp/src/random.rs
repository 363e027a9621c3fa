//! Random numbers of a client: transactions and the spread of its times.

use core::time::Duration;

use layer::KeyedSequence;

/// A source of random numbers, which nobody can predict who does not know its secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(KeyedSequence);

impl Random {
    pub(crate) const fn new(secret: u128) -> Self {
        Self(KeyedSequence::new(secret))
    }

    /// The number of a transaction.
    pub(crate) fn xid(&mut self) -> u32 {
        self.0.draw() as u32
    }

    /// A time between zero and `most`, at most an hour, uniformly distributed.
    pub(crate) fn below(&mut self, most: Duration) -> Duration {
        let most = most.min(Duration::from_secs(3600)).as_millis() as u64;
        Duration::from_millis((most * u64::from(self.0.draw() as u32)) >> 32)
    }
}
