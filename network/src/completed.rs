//! Completes, in software, a checksum that was left to the interface.

use layer::{PartialChecksum, Payload, Replaced};

use crate::Checksum;

/// A payload whose partial checksum is completed. A network layer sends it in place of a payload that it cuts into
/// fragments itself, because the interface sees none of those payloads whole.
#[derive(Clone, Copy, Debug)]
pub struct Completed<'a, P: ?Sized>(Replaced<'a, P>);

impl<'a, P: Payload + ?Sized> Completed<'a, P> {
    /// The payload with its checksum completed. If `checksum` is outside the payload, nothing changes.
    pub fn new(payload: &'a P, checksum: PartialChecksum) -> Self {
        let start = usize::from(checksum.start).min(payload.len());
        let mut sum = Checksum::new();
        payload.visit(start, payload.len() - start, &mut |piece| sum = sum.add(piece));
        // In UDP, 0 means that there is no checksum. This value is the equal sum (RFC 768).
        let sum = match sum.finish() {
            0 => u16::MAX,
            sum => sum,
        };
        let at = start + usize::from(checksum.offset.get());
        Self(Replaced::new(payload, at, sum.to_be_bytes()))
    }
}

impl<P: Payload + ?Sized> Payload for Completed<'_, P> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.0.copy_to(offset, out);
    }

    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        self.0.visit(offset, length, visit);
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU16;
    use std::{vec, vec::Vec};

    use super::*;

    #[test]
    fn every_part_of_it_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..40).collect();
        let payload = (&bytes[..13], &bytes[13..]);
        let completed =
            Completed::new(&payload, PartialChecksum { start: 8, ..PartialChecksum::UDP });
        let mut expected = bytes.clone();
        let checksum = Checksum::new().add(&bytes[8..]).finish().to_be_bytes();
        expected[14..16].copy_from_slice(&checksum);
        for start in 0..=40 {
            for end in start..=40 {
                let mut part = vec![0; end - start];
                completed.copy_to(start, &mut part);
                assert_eq!(part, expected[start..end], "{start}..{end}");
                let mut seen = Vec::new();
                completed.visit(start, end - start, &mut |piece| seen.extend_from_slice(piece));
                assert_eq!(seen, part, "{start}..{end}");
            }
        }
    }

    #[test]
    fn a_sum_of_zero_is_not_taken_for_none() {
        let payload = [0xff, 0xff, 0, 0];
        let mut out = [0; 4];
        Completed::new(&payload, PartialChecksum { start: 0, offset: NonZeroU16::new(2).unwrap() })
            .copy_to(0, &mut out);
        assert_eq!(out, [0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn a_place_outside_changes_nothing() {
        let mut out = [0; 4];
        Completed::new(&[1, 2, 3, 4], PartialChecksum { start: 9, ..PartialChecksum::UDP })
            .copy_to(0, &mut out);
        assert_eq!(out, [1, 2, 3, 4]);
    }
}
