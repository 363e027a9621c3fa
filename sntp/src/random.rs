//! Random numbers of a client: what its questions carry, and the spread of its times.

use core::time::Duration;

use layer::KeyedSequence;

/// A source of random numbers, which nobody can predict who does not know its secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(KeyedSequence);

impl Random {
    pub(crate) const fn new(secret: u128) -> Self {
        Self(KeyedSequence::new(secret))
    }

    /// The transmit timestamp of a question: any number but 0, which is none.
    pub(crate) fn transmit(&mut self) -> u64 {
        loop {
            let number = self.0.draw();
            if number != 0 {
                return number;
            }
        }
    }

    /// A time between zero and `most`, at most two days, uniformly distributed.
    pub(crate) fn below(&mut self, most: Duration) -> Duration {
        let most = most.min(Duration::from_hours(48)).as_millis() as u64;
        Duration::from_millis((most * u64::from(self.0.draw() as u32)) >> 32)
    }
}
