//! How a writer writes names: whole, or with pointers to those that are in the message (RFC 1035 4.1.4).

use crate::Labels;

/// How many places of names are remembered. Names beyond are written, and nothing points to them.
const MOST_PLACES: usize = 64;

/// The first place that a pointer cannot name: it has 14 bits.
const OUT_OF_REACH: usize = 0x4000;

/// How names are written.
pub trait Names: private::Sealed {
    /// Where in this part of the message a name is that has these labels.
    #[doc(hidden)]
    fn find(&self, message: &[u8], labels: &Labels<'_>) -> Option<u16>;
    /// A label is written here, and all that follow it in its name.
    #[doc(hidden)]
    fn note(&mut self, place: usize);
    /// What was written from here on is taken back.
    #[doc(hidden)]
    fn forget(&mut self, from: usize);
}

mod private {
    pub trait Sealed {}

    impl Sealed for super::Whole {}
    impl Sealed for super::Pointers {}
}

/// Names are written whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl Names for Whole {
    #[inline]
    fn find(&self, _message: &[u8], _labels: &Labels<'_>) -> Option<u16> {
        None
    }

    #[inline]
    fn note(&mut self, _place: usize) {}

    #[inline]
    fn forget(&mut self, _from: usize) {}
}

/// The end of a name is written as a pointer, if it is in the message already. Only names in the data of the types of
/// RFC 1035 are written so, as RFC 3597 4 demands: the others are bytes here.
///
/// 64 places are remembered. To find a name takes at most as many comparisons for each of its labels.
#[derive(Clone, Debug)]
pub struct Pointers {
    places: [u16; MOST_PLACES],
    count: usize,
    keeps_case: bool,
}

impl Pointers {
    /// Names that differ only in upper and lower case stand for each other: of an answer.
    pub const fn new() -> Self {
        Self { places: [0; MOST_PLACES], count: 0, keeps_case: false }
    }

    /// Upper and lower case of each name is kept: of the transfer of a zone (RFC 5936 3.4).
    pub const fn keeping_case() -> Self {
        Self { keeps_case: true, ..Self::new() }
    }
}

impl Default for Pointers {
    fn default() -> Self {
        Self::new()
    }
}

impl Names for Pointers {
    fn find(&self, message: &[u8], labels: &Labels<'_>) -> Option<u16> {
        let is_equal = |one: &[u8], other: &[u8]| match self.keeps_case {
            true => one == other,
            false => one.eq_ignore_ascii_case(other),
        };
        let is_there = |place: &&u16| {
            let mut there = Labels::at(message, usize::from(**place));
            let mut wanted = labels.clone();
            loop {
                match (there.next(), wanted.next()) {
                    (None, None) => return true,
                    (Some(one), Some(other)) if is_equal(one, other) => {}
                    _ => return false,
                }
            }
        };
        let mut places = self.places[..self.count]
            .iter()
            .take_while(|place| usize::from(**place) < message.len());
        places.find(is_there).copied()
    }

    fn note(&mut self, place: usize) {
        if place < OUT_OF_REACH && self.count < MOST_PLACES {
            self.places[self.count] = place as u16;
            self.count += 1;
        }
    }

    fn forget(&mut self, from: usize) {
        while self.count > 0 && usize::from(self.places[self.count - 1]) >= from {
            self.count -= 1;
        }
    }
}
