//! Watches: one of a fixed number of places each, with a flag. An event sets the flag, so however many
//! events there are, nothing overflows.

use core::{
    cell::Cell,
    fmt::{self, Write},
};

use crate::{StoreError, Watch};

/// How many watches there can be.
const PLACES: usize = 8;
/// The longest path that is watched, in bytes: it is kept, because the end of a watch has to name it.
const PATH_MAX: usize = 96;

/// A path.
#[derive(Clone, Copy)]
pub(super) struct Path {
    bytes: [u8; PATH_MAX],
    length: usize,
}

#[derive(Debug, Default)]
struct Place {
    path: Cell<Option<Path>>,
    fired: Cell<bool>,
}

/// The watches of the guest. Their tokens are the numbers of their places.
#[derive(Debug, Default)]
pub(super) struct Watches {
    places: [Place; PLACES],
    /// A watch has fired since this was last asked.
    news: Cell<bool>,
}

impl Path {
    pub(super) fn new(path: fmt::Arguments<'_>) -> Result<Self, StoreError> {
        let mut new = Self { bytes: [0; PATH_MAX], length: 0 };
        new.write_fmt(path).map_err(|fmt::Error| StoreError::RequestTooLong)?;
        Ok(new)
    }

    pub(super) fn as_str(&self) -> &str {
        // Only whole strings are ever written.
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes[self.length..].get_mut(..text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

impl Watches {
    /// A free place, now taken. It has fired once.
    pub(super) fn add(&self, path: Path) -> Result<Watch, StoreError> {
        let mut places = self.places.iter().zip(0..);
        let free = places.find(|(place, _)| place.path.get().is_none());
        let (place, number) = free.ok_or(StoreError::TooManyWatches)?;
        place.path.set(Some(path));
        place.fired.set(true);
        Ok(Watch(number))
    }

    /// Frees a place, and says which path it had.
    pub(super) fn remove(&self, watch: &Watch) -> Option<Path> {
        let place = self.places.get(usize::from(watch.0))?;
        place.fired.set(false);
        place.path.take()
    }

    /// An event with this token has come. One that is not, or no longer, that of a watch of ours says
    /// nothing.
    pub(super) fn fire(&self, token: &[u8]) {
        if let [digit] = token
            && let Some(place) = self.places.get(usize::from(digit.wrapping_sub(b'0')))
            && place.path.get().is_some()
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

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn path(text: &str) -> Path {
        Path::new(format_args!("{text}")).unwrap()
    }

    #[test]
    fn places_are_taken_and_given_back() {
        let watches = Watches::default();
        let taken: Vec<_> =
            core::iter::from_fn(|| watches.add(path("control/shutdown")).ok()).collect();
        assert_eq!(taken.len(), PLACES);
        assert_eq!(watches.add(path("x")), Err(StoreError::TooManyWatches));
        assert_eq!(watches.remove(&taken[3]).unwrap().as_str(), "control/shutdown");
        assert!(watches.remove(&taken[3]).is_none() && watches.remove(&Watch(8)).is_none());
        assert_eq!(watches.add(path("x")), Ok(Watch(3)));
    }

    #[test]
    fn a_long_path_is_refused() {
        let text = "é".repeat(49);
        assert_eq!(path(&text[..96]).as_str(), &text[..96]);
        assert_eq!(Path::new(format_args!("{text}")).unwrap_err(), StoreError::RequestTooLong);
    }

    #[test]
    fn a_watch_fires_at_first_and_then_for_its_own_token() {
        let watches = Watches::default();
        let (one, two) = (watches.add(path("a")).unwrap(), watches.add(path("b")).unwrap());
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
