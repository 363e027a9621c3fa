//! What can be no datagram.

use super::*;

/// Every way in which a second piece can overlap a first one at 80..160 drops the datagram.
#[test]
fn overlaps_are_refused_on_insert() {
    for (offset, length, more) in [
        (72, 16, true),  // runs into it
        (152, 16, true), // begins in it
        (80, 72, true),  // its beginning again
        (88, 72, true),  // its end again
        (96, 8, true),   // inside it
        (72, 96, true),  // around it
        (80, 88, true),  // it and more
        (80, 80, false), // the same place, but called the last
        (0, 65_504, true),
    ] {
        with_reassembly(
            256,
            |_| {},
            |mut r| {
                assert!(matches!(
                    insert(&mut r, &fragment(&fields(1, 1), 80, 80, true)),
                    Insert::Waiting
                ));
                let second = fragment(&fields(1, 1), offset, length, more);
                assert!(matches!(insert(&mut r, &second), Insert::Overlap), "{offset} {length}");
                assert!(r.is_empty(), "nothing is left behind");
            },
        );
    }
}

/// Two neighbours that are both there, sent again as one piece: not an exact duplicate.
#[test]
fn two_pieces_sent_again_as_one_overlap() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            for offset in [0, 8] {
                assert!(whole(&mut r, &fragment(&fields(1, 1), offset, 8, true)).is_none());
            }
            assert!(matches!(
                insert(&mut r, &fragment(&fields(1, 1), 0, 16, true)),
                Insert::Overlap
            ));
        },
    );
}

#[test]
fn a_second_end_is_a_contradiction() {
    for (offset, length, more) in [(80, 8, false), (24, 8, false), (48, 8, true)] {
        with_reassembly(
            256,
            |_| {},
            |mut r| {
                assert!(matches!(
                    insert(&mut r, &fragment(&fields(1, 1), 32, 10, false)),
                    Insert::Waiting
                ));
                let second = fragment(&fields(1, 1), offset, length, more);
                assert!(matches!(insert(&mut r, &second), Insert::Overlap), "{offset}");
                assert!(r.is_empty());
            },
        );
    }
}

#[test]
fn an_end_before_what_has_come_is_a_contradiction() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            assert!(matches!(
                insert(&mut r, &fragment(&fields(1, 1), 80, 8, true)),
                Insert::Waiting
            ));
            assert!(matches!(
                insert(&mut r, &fragment(&fields(1, 1), 0, 8, false)),
                Insert::Overlap
            ));
        },
    );
}

#[test]
fn impossible_fragments_are_refused() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            for packet in [
                fragment(&fields(1, 1), 0, 7, true),
                fragment(&fields(1, 1), 8, 0, true),
                fragment(&fields(1, 1), 8, 0, false),
                fragment(&fields(1, 1), 65_512, 4, false), // one byte beyond, with its header
                fragment(&fields(1, 1), 65_528, 800, true), // the ping of death
            ] {
                assert!(matches!(insert(&mut r, &packet), Insert::Malformed));
            }
            assert!(r.is_empty());
        },
    );
}

/// The first fragment has 40 bytes of options, so the payload may be 40 bytes less.
#[test]
fn header_and_payload_together_are_at_most_65535() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let mut first = fragment(&fields(1, 1), 0, 1440, true);
            first[0] = 0x4f;
            first[2..4].copy_from_slice(&1500u16.to_be_bytes());
            first.splice(20..20, [1; 40]);
            first[10..12].fill(0);
            let checksum = network::Checksum::new().add(&first[..60]).finish();
            first[10..12].copy_from_slice(&checksum.to_be_bytes());
            assert!(matches!(insert(&mut r, &first), Insert::Waiting));
            for at in (1440..65_504).step_by(1440) {
                let length = 1440.min(65_504 - at);
                assert!(matches!(
                    insert(&mut r, &fragment(&fields(1, 1), at, length, true)),
                    Insert::Waiting
                ));
            }
            let last = fragment(&fields(1, 1), 65_504, 8, false);
            assert!(matches!(insert(&mut r, &last), Insert::Malformed));
            assert!(r.is_empty());
        },
    );
}
