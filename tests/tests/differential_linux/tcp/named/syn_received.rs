//! After the SYN (RFC 9293 3.10.7.4, SYN-RECEIVED; RFC 5961).

use super::{Case, case};

/// What may come in the place of the acknowledgment.
const SEGMENTS: [(&str, &str); 50] = [
    ("the acknowledgment", ". 1 ack 1"),
    ("an acknowledgment of nothing", ". 1 ack 0"),
    ("an acknowledgment of too much", ". 1 ack 2"),
    ("an acknowledgment of much too much", ". 1 ack 100000"),
    ("an acknowledgment of the past", ". 1 ack -1000"),
    ("a segment without an acknowledgment", "P 1:11"),
    ("no flags", "- 1"),
    ("the SYN again", "S 0 <mss 1000>"),
    ("the SYN again with other options", "S 0 <mss 500,sackOK>"),
    ("the SYN again with data", "S 0:10 <mss 1000>"),
    ("the SYN again with FIN", "SF 0 <mss 1000>"),
    ("a SYN with the next number", "S 1 <mss 1000>"),
    ("a SYN with a number in the window", "S 100 <mss 1000>"),
    ("a SYN with an older number", "S -100 <mss 1000>"),
    ("a SYN far away", "S 100000000 <mss 1000>"),
    ("a SYN that acknowledges", "S. 0 ack 1 <mss 1000>"),
    ("a SYN in the window that acknowledges", "S. 1 ack 1 <mss 1000>"),
    ("a SYN that acknowledges nothing", "S. 0 ack 0 <mss 1000>"),
    ("a SYN that acknowledges too much", "S. 0 ack 2 <mss 1000>"),
    ("a reset", "R 1"),
    ("a reset with an acknowledgment", "R. 1 ack 1"),
    ("a reset with a wrong acknowledgment", "R. 1 ack 5"),
    ("a reset with the number of the SYN", "R 0"),
    ("a reset in the window", "R 100"),
    ("a reset before the window", "R -1"),
    ("a reset behind the window", "R 1000000"),
    ("a reset with data", "R 1:11"),
    ("a reset with FIN", "FR 1"),
    ("a FIN without an acknowledgment", "F 1"),
    ("a FIN with the acknowledgment", "F. 1 ack 1"),
    ("a FIN with data and the acknowledgment", "FP. 1:11 ack 1"),
    ("a FIN with a wrong acknowledgment", "F. 1 ack 2"),
    ("a FIN out of order", "F. 11 ack 1"),
    ("data with the acknowledgment", "P. 1:11 ack 1"),
    ("much data with the acknowledgment", ". 1:1001 ack 1"),
    ("data with a wrong acknowledgment", "P. 1:11 ack 0"),
    ("data out of order with the acknowledgment", "P. 11:21 ack 1"),
    ("data before the window", "P. -10:0 ack 1"),
    ("data that overlaps the SYN", "P. 0:11 ack 1"),
    ("data behind the window", "P. 1000001:1000011 ack 1"),
    ("an acknowledgment with an old number", ". 0 ack 1"),
    ("an acknowledgment with a number in the window", ". 500 ack 1"),
    ("an acknowledgment behind the window", ". 1000001 ack 1"),
    ("a wrong acknowledgment with an old number", ". 0 ack 5"),
    ("urgent data with the acknowledgment", "PU. 1:11 ack 1 urg 5"),
    ("the acknowledgment with a window of 0", ". 1 ack 1 win 0"),
    ("the acknowledgment with ECE", "E. 1 ack 1"),
    ("the acknowledgment with reserved bits", ". 1 ack 1 res 14"),
    ("the acknowledgment with a wrong checksum", ". 1 ack 1 damage 1"),
    ("the acknowledgment with timestamps", ". 1 ack 1 <TS 10 0>"),
];

/// What a peer sends whose SYN had timestamps, after our SYN-ACK: the number of the SYN is 0, its timestamp 100.
const STAMPED: [(&str, &str); 14] = [
    ("the acknowledgment", ". 1 ack 1 <TS 101 0>"),
    ("the acknowledgment without a timestamp", ". 1 ack 1"),
    ("the acknowledgment with an old timestamp", ". 1 ack 1 <TS 99 0>"),
    ("the acknowledgment with the same timestamp", ". 1 ack 1 <TS 100 0>"),
    ("the acknowledgment with an echo of the future", ". 1 ack 1 <TS 101 100000>"),
    ("the acknowledgment with an old echo", ". 1 ack 1 <TS 101 -5>"),
    ("a reset with an old timestamp", "R 1 <TS 99 0>"),
    ("data with an old timestamp", "P. 1:11 ack 1 <TS 99 0>"),
    ("data without a timestamp", "P. 1:11 ack 1"),
    ("the SYN again with a later timestamp", "S 0 <mss 1460,sackOK,TS 200 0,wscale 7>"),
    ("the SYN again with an older timestamp", "S 0 <mss 1460,sackOK,TS 50 0,wscale 7>"),
    ("the SYN again without a timestamp", "S 0 <mss 1460>"),
    ("an old SYN with an older timestamp", "S -50 <mss 1460,sackOK,TS 50 0,wscale 7>"),
    ("a wrong acknowledgment with an old timestamp", ". 1 ack 7 <TS 50 0>"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, segment) in SEGMENTS {
        cases.push(case(
            format!("after the SYN: {name}"),
            &["S 0 <mss 1000>", segment, "read", ". 1 ack 1", "P. 1:31 ack 1", "read"],
        ));
    }
    cases.push(case(
        "after the SYN: data behind the window, twice",
        &["S 0 <mss 1000>", ". 0 ack 1", "P. 1000001:1000011 ack 1", ". 1 ack 1"],
    ));
    for (name, segment) in STAMPED {
        cases.push(case(
            format!("after the SYN with timestamps: {name}"),
            &[
                "S 0 <mss 1460,sackOK,TS 100 0,wscale 7>",
                segment,
                ". 1 ack 1 <TS 201 0>",
                "P. 1:31 ack 1 <TS 201 0>",
                "read",
            ],
        ));
    }
    cases
}
