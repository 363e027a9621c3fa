//! `cargo xtask bench --density`: how many services one machine holds, and what each more costs.

mod figures;
mod guests;
pub mod processes;
mod table;
pub mod xen;

use std::time::Duration;

/// The port of echo.
const PORT: u16 = 8080;
/// How long nobody asks.
const IDLE: Duration = Duration::from_secs(10);

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DensityPlan {
    /// The numbers of services at which it is measured, each above the one before.
    pub counts: Vec<usize>,
    /// The memory of a guest of Xen, in MiB.
    pub memory: u32,
}

impl DensityPlan {
    /// With these numbers, in any order.
    pub fn new(counts: &[u16], memory: u32) -> Self {
        let mut counts: Vec<_> = counts.iter().map(|count| usize::from(*count)).collect();
        counts.sort_unstable();
        counts.dedup();
        Self { counts, memory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_ascend() {
        assert_eq!(DensityPlan::new(&[50, 1, 50, 20], 2).counts, [1, 20, 50]);
    }
}
