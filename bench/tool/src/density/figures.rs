//! Figures of many: medians, and what each more costs.

use std::time::Duration;

use crate::bench::Spread;

/// The times that some took, in the order in which they were started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Those from number `from` on.
    pub(crate) fn since(&self, from: usize) -> Self {
        Self(self.0.get(from..).unwrap_or_default().to_vec())
    }

    fn seconds(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(Duration::as_secs_f64)
    }

    /// The median, in seconds.
    pub(crate) fn median(&self) -> f64 {
        Spread::of(self.seconds()).unwrap_or_default().median
    }

    /// What 95 of 100 are not above, in seconds.
    pub(crate) fn p95(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * 95).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default().as_secs_f64()
    }

    /// How much longer one takes than the one before, in seconds: the slope of the line with the least squares.
    pub(crate) fn growth(&self) -> Option<f64> {
        slope(self.seconds().enumerate().map(|(number, time)| (number as f64, time)))
    }
}

/// The slope of the line through these points with the least squares; none without two places.
pub(crate) fn slope(points: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let points: Vec<_> = points.collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let width = sum(&|point| (point.0 - x).powi(2));
    (width > 0.0).then(|| sum(&|point| (point.0 - x) * (point.1 - y)) / width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(of: impl Iterator<Item = u64>) -> Times {
        let mut times = Times::default();
        of.for_each(|millis| times.push(Duration::from_millis(millis)));
        times
    }

    #[test]
    fn a_line_has_its_slope_and_noise_changes_little_of_it() {
        assert_eq!(slope([(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)].into_iter()), Some(2.0));
        assert_eq!(slope([(1.0, 5.0), (1.0, 7.0)].into_iter()), None);
        assert_eq!(slope(std::iter::empty()), None);
        let growing = times((0..100).map(|n| 1000 + 3 * n + n % 2));
        assert!((growing.growth().unwrap() - 0.003).abs() < 0.0001, "{growing:?}");
    }

    #[test]
    fn medians_and_tails_are_of_all_or_of_the_last() {
        let hundred = times(1..=100);
        assert!((hundred.median() - 0.0505).abs() < 1e-9);
        assert!((hundred.p95() - 0.095).abs() < 1e-9);
        let last = hundred.since(98);
        assert_eq!(last.0.len(), 2);
        assert!((last.p95() - 0.1).abs() < 1e-9);
        assert_eq!(Times::default().p95(), 0.0);
        assert_eq!(hundred.since(200).0.len(), 0);
    }
}
