//! What servers and strangers answer a client of SNTP, and what becomes of it.

use crate::targets::sntp::{ANSWER, ANY_BYTES, FIELDS, KISS, LOST, SERVERS, TIME};

/// By name; each begins with a byte of settings: the servers.
pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let program = |servers: u8, steps: &[&[u8]]| [&[servers], &steps.concat()[..]].concat();
    // Up to four seconds, and up to half an hour.
    let (soon, later) = ([TIME, 0x0f, 0xff, 0], [TIME, 0x7f, 0xff, 6]);
    let right = |place| [ANSWER, place, 0, 0, 0];
    let (fast, slow) = ([ANSWER, 0, 0x03, 0, 1], [ANSWER, 0, 0x83, 0, 1]);
    let kiss = |code| [KISS, 0, code];
    vec![
        ("answer", program(1, &[&soon, &right(0)])),
        (
            "clock_that_goes_fast",
            program(1, &[&soon, &right(0), &soon, &soon, &fast, &soon, &slow]),
        ),
        (
            "clock_that_was_set",
            program(1, &[&soon, &[ANSWER, 0, 0x7f, 0xff, 0], &soon, &soon, &right(0)]),
        ),
        ("deny", program(3, &[&soon, &soon, &kiss(0), &[SERVERS, 3], &soon, &later])),
        ("fields", program(1, &[&soon, &[FIELDS, 0, 3, 0, 0xc0, 1, 16, 3, 255]])),
        (
            "four_servers",
            program(
                15,
                &[&soon, &soon, &soon, &soon, &right(0), &right(1), &fast, &right(2), &right(3)],
            ),
        ),
        (
            "hours",
            program(
                1,
                &[&soon, &right(0), &soon, &[&later[..], &right(0), &soon].concat().repeat(9)],
            ),
        ),
        ("lost", program(1, &[&soon, &[LOST, 0], &soon, &soon, &soon, &right(0)])),
        ("other_servers", program(3, &[&soon, &right(0), &[SERVERS, 0x3e], &soon, &right(0)])),
        ("rate", program(1, &[&soon, &kiss(2), &later, &later, &kiss(2), &later])),
        ("stranger", program(1, &[&soon, &[&[ANY_BYTES, 0, 48, 0x24, 1][..], &[7; 46]].concat()])),
    ]
}
