//! Random times and numbers.

use core::time::Duration;

use layer::KeyedSequence;

/// A source of random numbers that nobody can predict without the secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(KeyedSequence);

impl Random {
    pub(crate) const fn new(secret: u128) -> Self {
        Self(KeyedSequence::new(secret))
    }

    /// A number of 64 bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0.draw()
    }

    /// A time between zero and `most`, uniformly distributed.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let nanos = (u128::from(most) * u128::from(self.draw())) >> 64;
        Duration::from_nanos(nanos as u64)
    }

    /// `time` plus or minus a tenth (RFC 7559 2).
    pub(crate) fn about(&mut self, time: Duration) -> Duration {
        time - time / 10 + self.up_to(time / 5)
    }
}
