//! The arguments of this service beside those of every one.

use layer::Networks;

/// What `--transfer-to` has to be.
pub(crate) const TRANSFER_TO: &str = layer::ParseNetworksError::EXPECTED;
/// What `--rate` has to be.
pub(crate) const RATE: &str = "a size up to 64M: 16K";

/// The highest rate, in bytes a second.
const MOST: u64 = 64 << 20;

/// What the service is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Who may have whole zones.
    pub(crate) transfer_to: Networks,
    /// How many bytes a second a network of 256 addresses gets by UDP. 0 is no limit.
    pub(crate) rate: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { transfer_to: Networks::default(), rate: 16 << 10 }
    }
}

impl Options {
    /// Sets the rate; returns whether it is one.
    pub(crate) fn set_rate(&mut self, text: &str) -> bool {
        let (number, unit) = match text.as_bytes() {
            [number @ .., b'K' | b'k'] => (number, 1 << 10),
            [number @ .., b'M' | b'm'] => (number, 1 << 20),
            number => (number, 1),
        };
        let rate = layer::decimal(number, MOST / unit).map(|number| number * unit);
        self.rate = rate.unwrap_or_default() as u32;
        rate.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_size() {
        let mut options = Options::default();
        for (text, rate) in
            [("0", 0), ("1", 1), ("16K", 16 << 10), ("64m", 64 << 20), ("100000", 100_000)]
        {
            assert!(options.set_rate(text), "{text}");
            assert_eq!(options.rate, rate);
        }
        for text in ["", "K", "65M", "off", "-1", "1.5K", "16 K", "99999999999999999999"] {
            assert!(!options.set_rate(text), "{text}");
        }
    }
}
