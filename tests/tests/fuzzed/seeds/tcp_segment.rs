//! Segments, and programs for a receiver.

use super::with;

/// A segment from port 5000 to port 80, with these flags and options.
fn segment(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let offset = ((20 + options.len() as u8) / 4) << 4;
    let numbers = [0, 0, 3, 0xe8, 0, 0, 7, 0xd0];
    let rest = [offset, flags, 1, 0, 0, 0, 0, 9];
    with(1, &[&[0x13, 0x88, 0, 80][..], &numbers, &rest, options, payload].concat())
}

const SYN: u8 = 2;
const ACK: u8 = 16;

/// A step of a program: a segment of `length` bytes, below 256, `place` bytes after the next one.
fn at(place: i16, length: u8) -> Vec<u8> {
    let [high, low] = place.to_be_bytes();
    vec![0, 3, 7, high, low, length]
}

/// Bytes in order, with FIN or without it.
fn in_order(length: u8, fin: bool) -> Vec<u8> {
    vec![0, if fin { 0xf0 } else { 0 }, 1, length]
}

fn read(count: u16) -> Vec<u8> {
    let [high, low] = count.to_be_bytes();
    vec![4, high, low]
}

const ACKNOWLEDGE: [u8; 1] = [5];

/// A program for a receiver with this limit; the peer's number is 200 below the end of the numbers, the MSS 1460.
fn program(settings: u8, limit: u8, shift: u8, steps: &[Vec<u8>]) -> Vec<u8> {
    [&[4 | settings, limit, 0, 200, 5, 180, shift][..], &steps.concat()].concat()
}

pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let stamps = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8];
    let sack = |blocks: u8| {
        [&[1, 1, 5, 2 + 8 * blocks][..], &vec![blocks; usize::from(8 * blocks)]].concat()
    };
    let syn = [&[2, 4, 5, 180, 4, 2][..], &stamps[2..], &[1, 3, 3, 7]].concat();
    let gaps: Vec<_> = (0..120).map(|gap| at(1 + 2 * gap, 1)).collect();
    let backwards: Vec<_> = (0..20).rev().map(|place| at(50 * place, 60)).collect();
    let hog = |size: u8| vec![7, size];
    vec![
        ("data", segment(ACK | 8, &[], b"hello")),
        ("data_checksum_wrong", with(0, &segment(ACK, &[], b"hello")[1..])),
        ("data_unverified", with(2, &segment(ACK, &[], b"hello")[1..])),
        // With 16, over IPv6; with 8, joined: from segments of 1,440 bytes with 0x80, of one byte without.
        ("data_over_ipv6", with(17, &segment(ACK, &[], b"hello")[1..])),
        ("data_with_timestamps", segment(ACK, &stamps, b"hello")),
        ("joined_of_nothing", with(9, &segment(ACK, &[], b"")[1..])),
        ("joined_of_single_bytes", with(9, &segment(ACK, &[], b"hello")[1..])),
        ("joined_over_ipv6", with(0x99, &segment(ACK, &[], &[7; 4000])[1..])),
        ("offset_beyond_the_end", segment(SYN, &syn, b"")[..30].to_vec()),
        ("option_beyond_the_end", segment(SYN, &[1, 1, 3, 9], b"")),
        ("option_length_0", segment(SYN, &[2, 4, 5, 180, 3, 0, 7, 0], b"")),
        ("option_unknown", segment(SYN, &[254, 6, 1, 2, 3, 4, 4, 2], b"")),
        ("sack_3_and_timestamps", segment(ACK, &[&stamps[..], &sack(3)].concat(), b"")),
        ("sack_4", segment(ACK, &sack(4), b"")),
        ("short", vec![1; 20]),
        ("syn", segment(SYN, &syn, b"")),
        ("syn_fin_data", segment(SYN | 1, &syn, b"x")),
        ("urgent", segment(ACK | 0x20, &[], b"hello")),
        ("receive_backwards", program(0, 2, 0, &[backwards.concat(), read(2000)])),
        (
            "receive_fin_before_data",
            program(0, 1, 0, &[at(100, 50), vec![0, 0xf1, 0, 20, 0], in_order(20, false)]),
        ),
        ("receive_gaps", program(0, 3, 7, &[gaps.concat(), in_order(250, true), read(999)])),
        (
            "receive_in_order",
            program(
                0,
                0,
                0,
                &[
                    in_order(225, false),
                    read(100),
                    ACKNOWLEDGE.to_vec(),
                    in_order(90, true),
                    read(300),
                ],
            ),
        ),
        (
            "receive_lies",
            program(16, 1, 3, &[at(10, 40), vec![0, 3, 99, 0, 20, 60], in_order(100, false)]),
        ),
        (
            "receive_without_memory",
            program(
                8,
                3,
                0,
                &[
                    hog(200),
                    hog(100),
                    vec![0, 12, 0, 40, 0],
                    at(4000, 200),
                    hog(0),
                    in_order(9, false),
                ],
            ),
        ),
        (
            "receive_window_grows",
            program(
                0,
                3,
                2,
                &[[&[6, 20, 0, 100][..], &in_order(255, false), &read(255)].concat().repeat(40)],
            ),
        ),
    ]
}
