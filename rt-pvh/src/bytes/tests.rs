use std::{vec, vec::Vec};

use super::*;

/// Every length that is handled in a way of its own, and its neighbours.
fn lengths() -> impl Iterator<Item = usize> {
    (0..300).chain([511, 512, 513, 1499, 1500, 4095, 4096, 4097])
}

fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 167 + at / 251 + seed * 59) as u8).collect()
}

#[test]
fn bytes_are_copied_from_everywhere_to_everywhere() {
    for length in lengths() {
        for (from, to) in (0..17).flat_map(|from| [0, 1, 7, 8, 15, 16].map(|to| (from, to))) {
            let source = pattern(length + 64, 1);
            let (mut ours, mut theirs) = (pattern(length + 64, 2), pattern(length + 64, 2));
            theirs[to..to + length].copy_from_slice(&source[from..from + length]);
            let at = &raw mut ours[to];
            // SAFETY: both ranges are inside their buffers.
            let result = unsafe { letregion_memmove(at, &raw const source[from], length) };
            assert_eq!(result, at);
            assert!(ours == theirs, "{length} bytes from {from} to {to}");
        }
    }
}

#[test]
fn bytes_that_overlap_are_copied_both_ways() {
    for length in lengths() {
        for distance in (0..80).chain([127, 128, 200, length.saturating_sub(1), length]) {
            for (from, to) in [(3, 3 + distance), (3 + distance, 3)] {
                let mut ours = pattern(length + distance + 20, 3);
                let mut theirs = ours.clone();
                theirs.copy_within(from..from + length, to);
                let start = ours.as_mut_ptr();
                let (to_at, from_at) = (start.wrapping_add(to), start.wrapping_add(from));
                // SAFETY: both ranges are inside the buffer.
                unsafe { letregion_memmove(to_at, from_at, length) };
                assert!(ours == theirs, "{length} bytes from {from} to {to}");
            }
        }
    }
}

#[test]
fn bytes_are_filled_and_no_others() {
    for length in lengths() {
        for to in 0..33 {
            let (mut ours, mut theirs) = (pattern(length + 64, 4), pattern(length + 64, 4));
            theirs[to..to + length].fill(0xa5);
            let at = &raw mut ours[to];
            // SAFETY: the range is inside the buffer.
            let result = unsafe { letregion_memset(at, 0x7777_77a5, length) };
            assert_eq!(result, at);
            assert!(ours == theirs, "{length} bytes to {to}");
        }
    }
}

#[test]
fn the_first_byte_that_differs_decides() {
    let sign = |one: &[u8], other: &[u8]| {
        // SAFETY: both are so long.
        unsafe { letregion_memcmp(one.as_ptr(), other.as_ptr(), one.len()) }.signum()
    };
    for length in lengths() {
        for start in [0, 1, 9] {
            let (one, other) = (pattern(length + start, 5), pattern(length + start, 5));
            let (one, mut other) = (&one[start..], other[start..].to_vec());
            assert_eq!(sign(one, &other), 0, "{length}");
            for at in (0..length).step_by(1 + length / 40).chain(length.checked_sub(1)) {
                let kept = other[at];
                // What comes after says the opposite.
                for (byte, later) in [(kept ^ 0x80, kept), (kept.wrapping_add(1), !kept)] {
                    other[at] = byte;
                    let last = other.len() - 1;
                    let kept_last = other[last];
                    if at < last {
                        other[last] = later;
                    }
                    let expected = one.cmp(&other[..]) as i32;
                    assert_eq!(sign(one, &other), expected, "{length} bytes, at {at}");
                    other[last] = kept_last;
                }
                other[at] = kept;
            }
        }
    }
    assert_eq!(vec![1].cmp(&vec![2]) as i32, sign(&[1], &[2]));
}
