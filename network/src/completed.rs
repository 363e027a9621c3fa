//! Completes, in software, a checksum that was left to the interface.

use layer::{PartialChecksum, Payload, Replaced};

use crate::Checksum;

/// The payload with its partial checksum completed. If `checksum` is outside the payload, nothing changes. A network
/// layer sends it in place of a payload that it cuts into fragments itself, because the interface sees none of those
/// payloads whole.
pub fn completed<P: Payload + ?Sized>(payload: &P, checksum: PartialChecksum) -> Replaced<'_, P> {
    let start = usize::from(checksum.start);
    let sum = Checksum::new().add_payload(&Payload::slice(&payload, start, payload.len()));
    // In UDP, 0 means that there is no checksum. This value is the equal sum (RFC 768).
    let sum = match sum.finish() {
        0 => u16::MAX,
        sum => sum,
    };
    let at = start + usize::from(checksum.offset.get());
    Replaced::new(payload, at, sum.to_be_bytes())
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
        let completed = completed(&payload, PartialChecksum { start: 8, ..PartialChecksum::UDP });
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
        completed(&payload, PartialChecksum { start: 0, offset: NonZeroU16::new(2).unwrap() })
            .copy_to(0, &mut out);
        assert_eq!(out, [0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn a_place_outside_changes_nothing() {
        let mut out = [0; 4];
        completed(&[1, 2, 3, 4], PartialChecksum { start: 9, ..PartialChecksum::UDP })
            .copy_to(0, &mut out);
        assert_eq!(out, [1, 2, 3, 4]);
    }
}
