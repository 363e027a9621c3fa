//! The watches: each has one of a fixed number of places, with a flag. An event sets the flag, so any number of events
//! fits.

use core::cell::Cell;

use crate::{StoreError, Watch};

/// How many watches there can be.
const PLACES: usize = 8;

#[derive(Debug, Default)]
struct Place {
    taken: Cell<bool>,
    fired: Cell<bool>,
}

/// The watches of the guest. Their tokens are the numbers of their places.
#[derive(Debug, Default)]
pub(super) struct Watches {
    places: [Place; PLACES],
    /// Whether a watch has fired since the last check.
    news: Cell<bool>,
}

impl Watches {
    /// Takes a free place. The new watch has fired once.
    pub(super) fn add(&self) -> Result<Watch, StoreError> {
        let mut places = self.places.iter().zip(0..);
        let free = places.find(|(place, _)| !place.taken.get());
        let (place, number) = free.ok_or(StoreError::TooManyWatches)?;
        place.taken.set(true);
        place.fired.set(true);
        Ok(Watch(number))
    }

    /// Frees a place; returns whether it was taken.
    pub(super) fn remove(&self, watch: &Watch) -> bool {
        self.places.get(usize::from(watch.0)).is_some_and(|place| {
            place.fired.set(false);
            place.taken.take()
        })
    }

    /// Handles an event with this token. It is ignored if the token is not that of a current watch.
    pub(super) fn fire(&self, token: &[u8]) {
        if let [digit] = token
            && let Some(place) = self.places.get(usize::from(digit.wrapping_sub(b'0')))
            && place.taken.get()
        {
            place.fired.set(true);
            self.news.set(true);
        }
    }

    #[inline]
    pub(super) fn take_fired(&self, watch: &Watch) -> bool {
        self.places.get(usize::from(watch.0)).is_some_and(|place| place.fired.take())
    }

    #[inline]
    pub(super) fn has_fired(&self, watch: &Watch) -> bool {
        self.places.get(usize::from(watch.0)).is_some_and(|place| place.fired.get())
    }

    pub(super) fn take_news(&self) -> bool {
        self.news.take()
    }
}

const _: () = assert!(PLACES <= 10, "a token is one digit");

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn places_are_taken_and_given_back() {
        let watches = Watches::default();
        let taken: Vec<_> = core::iter::from_fn(|| watches.add().ok()).collect();
        assert_eq!(taken.len(), PLACES);
        assert_eq!(watches.add(), Err(StoreError::TooManyWatches));
        assert!(watches.remove(&taken[3]));
        assert!(!watches.remove(&taken[3]) && !watches.remove(&Watch(8)));
        assert_eq!(watches.add(), Ok(Watch(3)));
    }

    #[test]
    fn a_watch_fires_at_first_and_then_for_its_own_token() {
        let watches = Watches::default();
        let (one, two) = (watches.add().unwrap(), watches.add().unwrap());
        assert!(watches.take_fired(&one) && !watches.take_fired(&one));
        assert!(watches.take_fired(&two) && !watches.take_news());
        for token in [&b""[..], b"2", b"7", b"9", b"/", b"\xff", b"01", b"1 ", b"1\0"] {
            watches.fire(token);
        }
        assert!(!watches.take_fired(&one) && !watches.take_fired(&two) && !watches.take_news());
        watches.fire(b"1");
        watches.fire(b"1");
        assert!(watches.take_fired(&two) && !watches.take_fired(&two));
        assert!(watches.take_news() && !watches.take_news());
        watches.fire(b"0");
        watches.remove(&one);
        assert!(!watches.take_fired(&one) && !watches.take_fired(&Watch(255)));
    }
}
