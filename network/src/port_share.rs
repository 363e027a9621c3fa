//! Which ports one of several towers may choose.

use core::num::NonZeroU16;

/// The ports that one of several towers with the same addresses may choose: every `count`th, from `index` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortShare {
    count: NonZeroU16,
    index: u16,
}

impl PortShare {
    /// All ports: there is one tower.
    pub const ALL: Self = Self { count: NonZeroU16::MIN, index: 0 };

    /// The share of the tower `index`, from 0, of `count`.
    ///
    /// # Panics
    /// There is no such tower.
    pub fn new(count: u16, index: u16) -> Self {
        assert!(index < count, "there is no tower {index} of {count}");
        Self { count: NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN), index }
    }

    /// Whether the tower may choose `port`.
    #[inline]
    pub fn contains(self, port: u16) -> bool {
        self.owner(port) == self.index
    }

    /// The tower that may choose `port`.
    #[inline]
    pub fn owner(self, port: u16) -> u16 {
        port % self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_has_one_owner() {
        assert!((0..=u16::MAX).all(|port| PortShare::ALL.contains(port)));
        for count in 1..=5 {
            let shares = (0..count).map(|index| PortShare::new(count, index));
            for port in 0..=u16::MAX {
                let owners = shares.clone().filter(|share| share.contains(port)).count();
                assert_eq!(owners, 1, "{port} of {count}");
            }
        }
        assert_eq!(PortShare::new(3, 0).owner(8), 2);
    }

    #[test]
    #[should_panic(expected = "there is no tower 2 of 2")]
    fn a_tower_that_is_not_there_has_none() {
        let _ = PortShare::new(2, 2);
    }
}
