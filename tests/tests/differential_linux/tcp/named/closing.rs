//! Connections that end (RFC 9293 3.6, 3.10.7.4, RFC 1337, RFC 6191).

use super::{ALL, Case, PLAIN, after};

/// The ways into each state.
const WAYS: [(&str, &[&str]); 8] = [
    ("CLOSE-WAIT", &["F. 1 ack 1"]),
    ("LAST-ACK", &["F. 1 ack 1", "shutdown"]),
    ("FIN-WAIT-1", &["shutdown"]),
    ("FIN-WAIT-2", &["shutdown", ". 1 ack 2"]),
    ("CLOSING", &["shutdown", "F. 1 ack 1"]),
    ("TIME-WAIT", &["shutdown", ". 1 ack 2", "F. 1 ack 2"]),
    ("FIN-WAIT-1 without an application", &["close"]),
    ("FIN-WAIT-2 without an application", &["close", ". 1 ack 2"]),
];

/// What may come then. `$` is the next number of the peer, `@` what it acknowledges with all of ours.
const SEGMENTS: [(&str, &str); 27] = [
    ("the acknowledgment", ". $ ack @"),
    ("an acknowledgment of all but the FIN", ". $ ack 1"),
    ("an acknowledgment of the future", ". $ ack 500"),
    ("an old acknowledgment", ". $ ack -500"),
    ("an acknowledgment before the window", ". 0 ack @"),
    ("a FIN", "F. $ ack @"),
    ("a FIN that does not acknowledge ours", "F. $ ack 1"),
    ("the FIN again", "F. 1 ack @"),
    ("the FIN again, without our FIN", "F. 1 ack 1"),
    ("a FIN in the window", "F. 101 ack @"),
    ("a FIN behind the window", "F. 10000000 ack @"),
    ("a FIN without an acknowledgment", "F $"),
    ("data and a FIN", "FP. 1:11 ack @"),
    ("data", "P. 1:11 ack @"),
    ("data behind the end", "P. 2:12 ack @"),
    ("data out of order", "P. 11:21 ack @"),
    ("old data", "P. -9:1 ack @"),
    ("data behind the window", "P. 10000000:10000010 ack @"),
    ("a reset", "R $"),
    ("a reset with an acknowledgment", "R. $ ack @"),
    ("a reset in the window", "R 101"),
    ("a reset before the window", "R 0"),
    ("a SYN in the window", "S 101 <mss 1000>"),
    ("a SYN with the next number", "S $ <mss 1000>"),
    ("an old SYN", "S 0 <mss 1000>"),
    ("a SYN behind the window", "S 100000000 <mss 1000>"),
    ("a SYN with an acknowledgment", "S. $ ack @ <mss 1000>"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (state, way) in WAYS {
        let ended = way.iter().any(|step| step.starts_with('F'));
        let (next, all) =
            (if ended { "2" } else { "1" }, if state == "CLOSE-WAIT" { "1" } else { "2" });
        for (name, segment) in SEGMENTS {
            let segment = segment.replace('$', next).replace('@', all);
            let acknowledges = format!(". {next} ack {all}");
            let steps = [way, &[&segment, "read", &acknowledges, &segment]].concat();
            cases.push(after(format!("{state}: {name}"), PLAIN, &steps));
        }
    }
    let mut plain = |name: &str, steps: &[&str]| cases.push(after(name, PLAIN, steps));
    plain("a FIN in order", &["F. 1 ack 1", "read"]);
    plain("a FIN with data", &["FP. 1:11 ack 1", "read", "read"]);
    plain("a FIN out of order", &["F. 11 ack 1", "read", "P. 1:11 ack 1", "read", "read"]);
    plain(
        "two FINs at different places",
        &["F. 21 ack 1", "F. 11 ack 1", "P. 1:11 ack 1", "read", "read"],
    );
    plain(
        "a reset with the number of the FIN",
        &["F. 1 ack 1", ". 2 ack 1", "R 1", ". 2 ack 1", "read"],
    );
    plain("data after a FIN", &["F. 1 ack 1", "P. 2:12 ack 1", "read"]);
    plain("data beyond a FIN out of order", &["F. 11 ack 1", "P. 1:21 ack 1", "read"]);
    plain(
        "our half is closed",
        &[
            "shutdown",
            ". 1 ack 2",
            "P. 1:11 ack 2",
            "P. 11:21 ack 2",
            "read",
            "F. 21 ack 2",
            "read",
        ],
    );
    plain(
        "the peer's half is closed",
        &[
            "F. 1 ack 1",
            "read",
            "write 10",
            ". 2 ack 11",
            "write 10",
            ". 2 ack 21",
            "shutdown",
            ". 2 ack 22",
        ],
    );
    plain("our FIN follows data", &["write 10", "shutdown", ". 1 ack 12", "F. 1 ack 12"]);
    plain(
        "our FIN waits for the window",
        &["write 100", ". 1 ack 101 win 0", "write 10", "shutdown", ". 1 ack 101 win 1000"],
    );
    plain(
        "data is acknowledged, and the FIN is not",
        &["write 10", "shutdown", ". 1 ack 11", "F. 1 ack 11", ". 2 ack 12"],
    );
    plain("both at once", &["shutdown", "F. 1 ack 1", ". 2 ack 2", "F. 1 ack 2", ". 2 ack 2"]);
    plain("both at once, with data", &["write 10", "shutdown", "FP. 1:11 ack 1", ". 12 ack 12"]);
    plain("the FIN of the peer acknowledges ours", &["shutdown", "F. 1 ack 2", "F. 1 ack 2"]);
    plain("an end after the peer's", &["F. 1 ack 1", "read", "close", ". 2 ack 2", ". 2 ack 2"]);
    plain("an end with unread data after the peer's", &["FP. 1:11 ack 1", "close", ". 12 ack 2"]);
    plain(
        "a connection after one that has ended",
        &[
            "F. 1 ack 1",
            "close",
            ". 2 ack 2",
            "S 5000 <mss 1000>",
            ". 5001 ack 1",
            "P. 5001:5011 ack 1",
        ],
    );
    plain("a connection after a reset", &["R 1", "S 5000 <mss 1000>", ". 5001 ack 1"]);
    plain("a connection after an abort", &["abort", "S 5000 <mss 1000>", ". 5001 ack 1"]);
    reuse(&mut cases);
    cases
}

/// TIME-WAIT, with timestamps and without.
fn reuse(cases: &mut Vec<Case>) {
    const PLAIN_WAY: [&str; 3] = ["shutdown", ". 1 ack 2", "F. 1 ack 2"];
    const STAMPED_WAY: [&str; 3] = ["shutdown", ". 1 ack 2 <TS 110 0>", "F. 1 ack 2 <TS 120 0>"];
    for (name, syn) in [
        ("a higher number", "S 3 <mss 1000>"),
        ("the next number", "S 2 <mss 1000>"),
        ("a much higher number", "S 1000000 <mss 1000>"),
        ("a lower number", "S -1000 <mss 1000>"),
        ("half of the space", "S 2147483000 <mss 1000>"),
        ("a timestamp that was not agreed on", "S -1000 <mss 1000,TS 5 0>"),
        ("an acknowledgment", "S. 1000 ack 2 <mss 1000>"),
        ("a FIN", "SF 1000 <mss 1000>"),
        ("a reset", "SR 1000 <mss 1000>"),
    ] {
        let steps = [&PLAIN_WAY[..], &[syn]].concat();
        cases.push(after(format!("TIME-WAIT: a SYN with {name}"), PLAIN, &steps));
    }
    for (name, syn) in [
        ("a higher number and timestamp", "S 1000 <mss 1000,TS 200 0>"),
        ("a higher number and the same timestamp", "S 1000 <mss 1000,TS 120 0>"),
        ("a higher number and an older timestamp", "S 1000 <mss 1000,TS 50 0>"),
        ("a higher number and no timestamp", "S 1000 <mss 1000>"),
        ("a lower number and a later timestamp", "S -1000 <mss 1000,TS 200 0>"),
        ("a lower number and the same timestamp", "S -1000 <mss 1000,TS 120 0>"),
        ("a lower number and an older timestamp", "S -1000 <mss 1000,TS 50 0>"),
        ("a lower number and no timestamp", "S -1000 <mss 1000>"),
        ("the next number and a later timestamp", "S 2 <mss 1000,TS 200 0>"),
    ] {
        let steps = [&STAMPED_WAY[..], &[syn]].concat();
        cases.push(after(format!("TIME-WAIT with timestamps: a SYN with {name}"), ALL, &steps));
    }
    for (name, segment) in [
        ("the FIN", "F. 1 ack 2 <TS 120 0>"),
        ("the FIN with an older timestamp", "F. 1 ack 2 <TS 50 0>"),
        ("the FIN with a later timestamp", "F. 1 ack 2 <TS 300 0>"),
        ("the FIN without a timestamp", "F. 1 ack 2"),
        ("an acknowledgment", ". 2 ack 2 <TS 130 0>"),
        ("old data", "P. -9:1 ack 2 <TS 130 0>"),
        ("old data with an old timestamp", "P. -9:1 ack 2 <TS 10 0>"),
        ("new data", "P. 2:12 ack 2 <TS 130 0>"),
        ("a reset", "R. 2 ack 2 <TS 130 0>"),
        ("a reset with an old timestamp", "R. 2 ack 2 <TS 30 0>"),
    ] {
        let steps = [&STAMPED_WAY[..], &[segment, segment, "S 1000 <mss 1000,TS 200 0>"]].concat();
        cases.push(after(format!("TIME-WAIT with timestamps: {name}"), ALL, &steps));
    }
}
