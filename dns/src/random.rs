//! Random numbers: the identifications of queries, and secrets.

use layer::KeyedSequence;

/// A source of numbers that nobody can predict who does not know its secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(KeyedSequence);

impl Random {
    pub(crate) const fn new(secret: u128) -> Self {
        Self(KeyedSequence::new(secret))
    }

    /// The identification of a query: all 65,536 are equally likely (RFC 5452 9.2).
    pub(crate) fn id(&mut self) -> u16 {
        self.0.draw() as u16
    }

    /// The secret of another source.
    pub(crate) fn secret(&mut self) -> u128 {
        u128::from(self.0.draw()) << 64 | u128::from(self.0.draw())
    }
}
