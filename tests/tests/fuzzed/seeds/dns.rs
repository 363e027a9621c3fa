//! What servers and strangers answer a query of DNS, and what becomes of it.

use crate::targets::dns::{ANY_BYTES, FAILURE, RECORDS, RESPONSE, TIME};

/// A response with these flags and records; each is a section, an owner, a target, a time to live in two bytes with a shift,
/// a type and what belongs to that.
fn response(flags: [u8; 2], records: &[&[u8]]) -> Vec<u8> {
    [&[RESPONSE], &flags[..], &[records.len() as u8], &records.concat()].concat()
}

/// Responses of a server that finds answers itself: without an error, cut off, and that there is no such name.
const GOOD: [u8; 2] = [0x01, 0x80];
const CUT_OFF: [u8; 2] = [0x03, 0x80];
const NO_SUCH_NAME: [u8; 2] = [0x01, 0x83];

const ADDRESS: &[u8] = &[0, 0, 1, 0, 60, 0, 0, 7];
const ALIAS: &[u8] = &[0, 0, 1, 0, 60, 0, 2];
const ADDRESS_OF_ALIAS: &[u8] = &[0, 1, 1, 0, 30, 0, 0, 7];
const ALIAS_BACK: &[u8] = &[0, 1, 0, 0, 60, 0, 2];
const START_OF_ZONE: &[u8] = &[1, 2, 2, 0, 60, 0, 5, 0, 50];
const SERVER_OF_ZONE: &[u8] = &[1, 2, 1, 0, 60, 0, 3];
const FOREVER: &[u8] = &[0, 0, 1, 0xff, 0xff, 16, 0, 7];

/// By name; each begins with a byte of settings.
pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let program = |settings: u8, steps: &[&[u8]]| [&[settings], &steps.concat()[..]].concat();
    let silence = [TIME, 0x1f, 0x40].repeat(12);
    let compressed = [
        &[RECORDS, 0x01, 0x80, 2, 0, 0, 50][..],
        b"\xc0\x0c\0\x05\0\x01\0\0\x0e\x10\0\x06\x03cdn\xc0\x10",
        b"\xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07",
        b"\0\0\x29\x04\xd0\0\0\0\0\0\0\0\0",
    ];
    let to_itself = [
        &[RECORDS, 0x01, 0x80, 1, 0, 0, 16][..],
        b"\xc0\x21\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07",
    ];
    let guesses = [ANY_BYTES, 0, 12, 0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0].repeat(20);
    vec![
        ("address", program(1, &[&response(GOOD, &[ADDRESS])])),
        ("address_of_ipv6", program(0x81, &[&response(GOOD, &[&[0, 0, 1, 0, 60, 0, 1, 7]])])),
        ("alias", program(1, &[&response(GOOD, &[ALIAS, ADDRESS_OF_ALIAS])])),
        (
            "alias_alone",
            program(1, &[&response(GOOD, &[ALIAS]), &response(GOOD, &[ADDRESS_OF_ALIAS])]),
        ),
        ("circle", program(1, &[&response(GOOD, &[ALIAS, ALIAS_BACK])])),
        ("compressed", program(1, &[&compressed.concat()])),
        ("cut_off", program(1, &[&response(CUT_OFF, &[]), &response(GOOD, &[ADDRESS])])),
        (
            "failures",
            program(
                3,
                &[&response([1, 0x82], &[]), &response([1, 0x85], &[]), &[FAILURE, 0, FAILURE, 1]],
            ),
        ),
        ("forever", program(0, &[&response(GOOD, &[FOREVER])])),
        ("guesses", program(0, &[&guesses, &response(GOOD, &[ADDRESS])])),
        ("no_address", program(1, &[&response(GOOD, &[START_OF_ZONE])])),
        ("no_edns", program(1, &[&response([1, 0x81], &[]), &response([1, 0x84], &[])])),
        ("no_such_name", program(1, &[&response(NO_SUCH_NAME, &[START_OF_ZONE])])),
        ("pointer_to_itself", program(1, &[&to_itself.concat()])),
        ("referral", program(1, &[&response([1, 0], &[SERVER_OF_ZONE])])),
        ("silence", program(2, &[&silence])),
        ("stranger", program(0, &[&[ANY_BYTES, 1, 3, 1, 2, 3], &response(GOOD, &[ADDRESS])])),
    ]
}
