//! Which fragments of a packet have arrived, and whether they fit together.

use crate::fragment_map::FragmentMap;

/// The fragments of a packet that have arrived, by their places alone: for the reassembly of both families.
#[derive(Debug)]
pub struct Arrived {
    /// The bytes that have arrived.
    come: FragmentMap,
    /// Where the fragments that have arrived begin.
    begins: FragmentMap,
    /// How many bytes have arrived.
    received: usize,
    /// Where the last fragment ends, once it has arrived.
    total: Option<usize>,
    /// Where the bytes that have arrived end.
    end: usize,
}

/// How a fragment relates to those that arrived before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It has arrived now.
    New,
    /// It is there, with the same place and length.
    Duplicate,
    /// It overlaps others (RFC 5722), or contradicts them on where the packet ends.
    Overlap,
}

// Inlined so that they are compiled in the calling crate: this crate is built for speed, which does not matter here.
impl Arrived {
    /// Nothing has arrived.
    pub const NOTHING: Self = Self {
        come: FragmentMap::EMPTY,
        begins: FragmentMap::EMPTY,
        received: 0,
        total: None,
        end: 0,
    };

    /// Whether all has arrived.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.total == Some(self.received)
    }

    /// Where the bytes that have arrived end.
    #[inline]
    pub fn end(&self) -> usize {
        self.end
    }

    /// Records that `length` bytes from `offset` on have arrived, if they fit to the others; `more` says that others follow them.
    ///
    /// `length` is at least 1, and a multiple of 8 if `more`; `offset` is a multiple of 8, and both together are at most 65,535.
    #[inline]
    pub fn note(&mut self, offset: usize, length: usize, more: bool) -> Fit {
        let end = offset + length;
        let (first, last) = (offset / 8, (end - 1) / 8);
        // A fragment in order, as most are, lies beyond all that have arrived.
        if offset < self.end && self.come.any(first, last) {
            let one_piece = self.begins.any(first, first)
                && !self.begins.any(first + 1, last)
                && self.come.all(first, last)
                && (!self.come.any(last + 1, last + 1) || self.begins.any(last + 1, last + 1));
            // The map is only exact to 8 bytes: a fragment that others follow ends before the last fragment does.
            let same_end = match self.total {
                Some(total) if more => end < total,
                total => more || total == Some(end),
            };
            return if one_piece && same_end { Fit::Duplicate } else { Fit::Overlap };
        }
        let contradicts = match self.total {
            Some(total) => !more || end > total,
            None => !more && end < self.end,
        };
        if contradicts {
            return Fit::Overlap;
        }
        self.come.set(first, last);
        self.begins.mark(first);
        self.received += length;
        self.end = self.end.max(end);
        if !more {
            self.total = Some(end);
        }
        Fit::New
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    /// What is known of a packet, by its fragments one by one.
    #[derive(Default)]
    struct Model(Vec<(usize, usize, bool)>);

    impl Model {
        fn note(&mut self, offset: usize, length: usize, more: bool) -> Fit {
            let end = offset + length;
            if self.0.contains(&(offset, end, more)) {
                return Fit::Duplicate;
            }
            let overlaps = self.0.iter().any(|(first, last, _)| *first < end && offset < *last);
            let total = self.0.iter().find(|(_, _, more)| !more).map(|(_, last, _)| *last);
            let farthest = self.0.iter().map(|(_, last, _)| *last).max().unwrap_or(0);
            let contradicts = match total {
                Some(total) => !more || end > total,
                None => !more && end < farthest,
            };
            if overlaps || contradicts {
                return Fit::Overlap;
            }
            self.0.push((offset, end, more));
            Fit::New
        }

        fn is_whole(&self) -> bool {
            let received: usize = self.0.iter().map(|(first, last, _)| last - first).sum();
            self.0.iter().any(|(_, last, more)| !more && *last == received)
        }
    }

    /// All that three fragments of a packet of 40 bytes at most can be, and the first one once more.
    #[test]
    fn fragments_fit_as_their_bytes_do() {
        let all: Vec<_> = (0..5)
            .flat_map(|first| (1..=5 - first).map(move |length| (first * 8, length * 8)))
            .flat_map(|(offset, length)| {
                [(offset, length, true), (offset, length, false), (offset, length - 3, false)]
            })
            .collect();
        let mut seen = [0; 3];
        for one in &all {
            for two in &all {
                for three in &all {
                    let (mut arrived, mut model) = (Arrived::NOTHING, Model::default());
                    for (offset, length, more) in [one, two, three, one] {
                        let fit = arrived.note(*offset, *length, *more);
                        assert_eq!(
                            fit,
                            model.note(*offset, *length, *more),
                            "{one:?} {two:?} {three:?}"
                        );
                        assert_eq!(arrived.is_whole(), model.is_whole());
                        seen[fit as usize] += 1;
                        if fit == Fit::Overlap {
                            // The packet is dropped.
                            break;
                        }
                    }
                }
            }
        }
        assert!(seen.iter().all(|times| *times > 1000), "{seen:?}");
    }

    #[test]
    fn the_longest_packet_is_whole() {
        let mut arrived = Arrived::NOTHING;
        let fragments = vec![(0, 65_528, true), (65_528, 7, false)];
        for (offset, length, more) in fragments {
            assert!(!arrived.is_whole());
            assert_eq!(arrived.note(offset, length, more), Fit::New);
        }
        assert_eq!((arrived.is_whole(), arrived.end()), (true, 65_535));
    }
}
