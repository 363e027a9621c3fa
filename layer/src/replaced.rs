//! A payload in which two bytes are replaced.

use crate::Payload;

/// A payload in which two bytes are replaced, for a packet whose checksum is computed after the rest of it.
#[derive(Clone, Copy, Debug)]
pub struct Replaced<'a, P: ?Sized> {
    payload: &'a P,
    at: usize,
    bytes: [u8; 2],
}

impl<'a, P: Payload + ?Sized> Replaced<'a, P> {
    /// The payload with `bytes` at position `at`, in bytes from its beginning. If `at` is outside the payload, nothing
    /// is replaced.
    pub const fn new(payload: &'a P, at: usize, bytes: [u8; 2]) -> Self {
        Self { payload, at, bytes }
    }
}

impl<P: Payload + ?Sized> Payload for Replaced<'_, P> {
    fn len(&self) -> usize {
        self.payload.len()
    }

    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.payload.copy_to(offset, out);
        for (at, byte) in (self.at..).zip(self.bytes) {
            if let Some(out) = at.checked_sub(offset).and_then(|at| out.get_mut(at)) {
                *out = byte;
            }
        }
    }

    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        let end = offset + length;
        let [before, after] = [self.at, self.at + 2].map(|at| at.clamp(offset, end));
        self.payload.visit(offset, before - offset, visit);
        if before < after {
            visit(&self.bytes[before - self.at..after - self.at]);
        }
        self.payload.visit(after, end - after, visit);
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    #[test]
    fn every_part_of_it_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..40).collect();
        let payload = (&bytes[..13], &bytes[13..]);
        // In the first piece, in both, in the second, at the end, half outside, and outside.
        for at in [0, 12, 14, 38, 39, 40, 99] {
            let mut expected = bytes.clone();
            expected.iter_mut().skip(at).zip([0xaa, 0xbb]).for_each(|(byte, new)| *byte = new);
            let replaced = Replaced::new(&payload, at, [0xaa, 0xbb]);
            for start in 0..=40 {
                for end in start..=40 {
                    let mut part = vec![0; end - start];
                    replaced.copy_to(start, &mut part);
                    assert_eq!(part, expected[start..end], "{at}: {start}..{end}");
                    let mut seen = Vec::new();
                    replaced.visit(start, end - start, &mut |piece| seen.extend_from_slice(piece));
                    assert_eq!(seen, part, "{at}: {start}..{end}");
                }
            }
        }
    }
}
