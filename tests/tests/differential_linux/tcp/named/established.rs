//! An established connection (RFC 9293 3.10.7.4, RFC 5961, RFC 7323 5, RFC 2018, RFC 2883).

use super::{ALL, Case, PLAIN, SACK, after};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut plain = |name: &str, steps: &[&str]| cases.push(after(name, PLAIN, steps));
    plain("data in order", &["P. 1:11 ack 1", "P. 11:21 ack 1", "read"]);
    plain("data twice", &["P. 1:11 ack 1", "P. 1:11 ack 1", "read"]);
    plain("data that overlaps what was before", &["P. 1:11 ack 1", "P. 6:21 ack 1", "read"]);
    plain(
        "data without PSH",
        &[". 1:11 ack 1", "read", ". 11:1011 ack 1", ". 1011:2011 ack 1", "read"],
    );
    plain("data out of order", &["P. 11:21 ack 1", "read", "P. 1:11 ack 1", "read"]);
    plain("data that overlaps what comes later", &["P. 11:21 ack 1", "P. 1:15 ack 1", "read"]);
    plain(
        "data around what is there",
        &["P. 11:21 ack 1", "P. 5:31 ack 1", "P. 1:5 ack 1", "read"],
    );
    plain(
        "two gaps",
        &["P. 11:21 ack 1", "P. 31:41 ack 1", "P. 1:11 ack 1", "P. 21:31 ack 1", "read"],
    );
    plain("data that ends where the window begins", &["P. -9:1 ack 1", "read"]);
    plain("data before the window", &["P. -19:-9 ack 1", "read"]);
    plain("data half before the window", &["P. -9:11 ack 1", "read"]);
    plain("data far behind the window", &["P. 10000001:10000011 ack 1", "read"]);
    plain("an acknowledgment before the window", &[". 0 ack 1"]);
    plain("a keepalive", &[". 0 ack 1", "P. 1:11 ack 1"]);
    plain("a keepalive with a byte", &[". 0:1 ack 1", "P. 1:11 ack 1", ". 10:11 ack 1", "read"]);
    plain("an acknowledgment behind the window", &[". 10000001 ack 1"]);
    plain("acknowledgments before the window", &[". 0 ack 1", ". -10 ack 1", ". 0 ack 1"]);
    plain("and after a while", &[". 0 ack 1", "wait 600", ". 0 ack 1"]);
    plain(
        "old data with an old acknowledgment, and a SYN",
        &["P. 1:101 ack 1", "P. 1:101 ack -9", "S 101"],
    );
    plain("an acknowledgment of what was not sent", &[". 1 ack 2", ". 1 ack 1"]);
    plain(
        "old acknowledgments of data as it has come",
        &["P. 1:2 ack 1", "P. 2:102 ack 1", "P. 102:202 ack -5"],
    );
    plain(
        "out of the window, without an acknowledgment",
        &["P 10000001:10000011", "F -100", "- 0:1"],
    );
    plain("and with data", &["P. 1:11 ack 2", "P. 1:11 ack 1", "read"]);
    plain("an acknowledgment far in the future", &[". 1 ack 100000", "P. 1:11 ack 1", "read"]);
    plain("an old acknowledgment", &[". 1 ack 0", "P. 1:11 ack 0", "read"]);
    plain("a very old acknowledgment", &[". 1 ack -100000000", "P. 1:11 ack -100000000", "read"]);
    plain("no acknowledgment", &["P 1:11", "read", "P. 1:11 ack 1", "read"]);
    plain("no flags", &["- 1:11", "- 1", "read"]);
    plain("a FIN without an acknowledgment", &["F 1", "read", "F. 1 ack 1", "read"]);
    for (name, seq) in [
        ("with the next number", 1),
        ("in the window", 100),
        ("at the end of the window", 60_000),
        ("before the window", 0),
        ("far before the window", -100_000),
        ("behind the window", 10_000_000),
    ] {
        for (kind, flags, ack) in [
            ("a reset", "R", ""),
            ("a reset with an acknowledgment", "R.", " ack 1"),
            ("a reset with an acknowledgment of the future", "R.", " ack 500"),
            ("a reset with an old acknowledgment", "R.", " ack -500"),
            ("a reset with FIN", "FR.", " ack 1"),
            ("a SYN", "S", ""),
            ("a SYN with an acknowledgment", "S.", " ack 1"),
            ("a SYN with FIN", "SF", ""),
            ("a SYN and a reset", "SR", ""),
        ] {
            if name == "at the end of the window" {
                // Where that is, is each host's choice.
                continue;
            }
            let segment = format!("{flags} {seq}{ack}");
            let name = format!("{kind} {name}");
            plain(&name, &[&segment, "read", "P. 1:11 ack 1", "read"]);
        }
    }
    plain("two resets in the window", &["R 100", "R 101", "R 1", "P. 1:11 ack 1"]);
    plain("a reset in the window after data", &["P. 1:11 ack 1", "R 1", "R 12", "R 11", "read"]);
    plain("a reset after data out of order", &["P. 11:21 ack 1", "R 21", "R 1", "read"]);
    plain("a reset with data", &["R. 1:11 ack 1", "read"]);
    plain("a SYN after data", &["P. 1:11 ack 1", "S 0 <mss 1000>", "S 11 <mss 1000>", "read"]);
    plain("urgent data", &["PU. 1:11 ack 1 urg 10", "read", "P. 11:21 ack 1", "read"]);
    plain("an urgent pointer of 0", &["PU. 1:11 ack 1 urg 0", "read"]);
    plain("an urgent pointer beyond the data", &["PU. 1:11 ack 1 urg 500", "P. 11:21 ack 1"]);
    plain("an urgent pointer without data", &["U. 1 ack 1 urg 5", "P. 1:11 ack 1"]);
    plain(
        "a wrong checksum",
        &["P. 1:11 ack 1 damage 1", "P. 11:21 ack 1", "P. 1:11 ack 1", "read"],
    );
    plain("a header of 4 words", &["P. 1:11 ack 1 off 4", "P. 1:11 ack 1"]);
    plain(
        "a header beyond the segment",
        &[". 1 ack 1 off 6", "P. 1:11 ack 1 off 15", "P. 1:11 ack 1"],
    );
    plain("a header into the data", &["P. 1:11 ack 1 off 6", "read"]);
    plain("reserved bits", &["P. 1:11 ack 1 res 15", "read"]);
    plain("ECE and CWR", &["PE. 1:11 ack 1", "PW. 11:21 ack 1", "PEW. 21:31 ack 1", "read"]);
    plain(
        "options that nobody asked for",
        &["P. 1:11 ack 1 <TS 10 0>", "P. 21:31 ack 1 <sack 1:5>", "read"],
    );
    plain("an MSS of an established connection", &["P. 1:11 ack 1 <mss 100>", "write 500"]);
    plain("broken options", &["P. 1:11 ack 1 <raw 08 00>", "P. 11:21 ack 1 <raw 05 ff>", "read"]);
    writes(&mut cases);
    sack(&mut cases);
    timestamps(&mut cases);
    cases
}

/// What the application sends, and windows.
fn writes(cases: &mut Vec<Case>) {
    let mut plain = |name: &str, steps: &[&str]| cases.push(after(name, PLAIN, steps));
    plain("some bytes", &["write 10", ". 1 ack 11", "write 10", ". 1 ack 21"]);
    plain("full segments", &["write 3000", ". 1 ack 1001", ". 1 ack 3001"]);
    plain(
        "more than the window",
        &["write 12000", ". 1 ack 5001 win 2000", ". 1 ack 7001 win 2000"],
    );
    plain(
        "a window of 0",
        &["write 100", ". 1 ack 101 win 0", "write 100", ". 1 ack 101 win 5000"],
    );
    plain(
        "a window of 0, and a probe",
        &["write 100", ". 1 ack 101 win 0", "write 100", "wait 300"],
    );
    plain("a window that shrinks", &["write 1000", ". 1 ack 1001 win 100", "write 1000"]);
    plain(
        "a window that opens",
        &["write 1000", ". 1 ack 1001 win 0", "write 1000", ". 1 ack 1001 win 1000"],
    );
    plain("an acknowledgment with data", &["write 10", "P. 1:11 ack 11", "read"]);
    plain("an acknowledgment of too much", &["write 10", ". 1 ack 12", ". 1 ack 11"]);
    plain("an acknowledgment of a part", &["write 3000", ". 1 ack 501", ". 1 ack 3001"]);
    plain(
        "an old acknowledgment after a new one",
        &["write 10", ". 1 ack 11", ". 1 ack 1", "P. 1:11 ack 1", "read"],
    );
    plain(
        "an old window after a new one",
        &["write 10", "P. 1:11 ack 11 win 500", "P. 1:11 ack 11 win 400", "write 450"],
    );
    plain(
        "an older number with an acknowledgment of more",
        &[
            ". 1001 ack 1 win 2000",
            "write 3000",
            "P. 1:1001 ack 1001 win 1000",
            "read",
            ". 1001 ack 3001",
        ],
    );
    plain("data and a reset", &["write 10", "R 1", "read"]);
    plain("data and a reset of what is old", &["write 10", "R. 1 ack 5", "read"]);
    plain("a retransmission", &["write 10", "wait 350"]);
    plain("an abort", &["abort", ". 1 ack 1", "P. 1:11 ack 1", "R 1"]);
    plain("an abort with data of the peer", &["P. 1:11 ack 1", "abort", "P. 11:21 ack 1"]);
    plain("an abort with data of ours", &["write 10", "abort", ". 1 ack 11"]);
    plain("an end with data that nobody has read", &["P. 1:11 ack 1", "close", ". 11 ack 1"]);
    plain("data for nobody", &["close", ". 1 ack 2", "P. 1:11 ack 2"]);
    plain("data for nobody, with the FIN unacknowledged", &["close", "P. 1:11 ack 1"]);
}

/// Blocks, their order, and duplicates.
fn sack(cases: &mut Vec<Case>) {
    let mut with =
        |name: &str, steps: &[&str]| cases.push(after(format!("SACK: {name}"), SACK, steps));
    with("a gap", &["P. 11:21 ack 1", "P. 1:11 ack 1", "read"]);
    with("two gaps", &["P. 11:21 ack 1", "P. 31:41 ack 1", "P. 1:11 ack 1", "P. 21:31 ack 1"]);
    with("three gaps", &["P. 11:21 ack 1", "P. 31:41 ack 1", "P. 51:61 ack 1", "P. 31:41 ack 1"]);
    with(
        "five gaps",
        &[
            "P. 11:21 ack 1",
            "P. 31:41 ack 1",
            "P. 51:61 ack 1",
            "P. 71:81 ack 1",
            "P. 91:101 ack 1",
            "P. 1:11 ack 1",
            "P. 21:31 ack 1",
        ],
    );
    with(
        "gaps from behind",
        &[
            "P. 91:101 ack 1",
            "P. 71:81 ack 1",
            "P. 51:61 ack 1",
            "P. 31:41 ack 1",
            "P. 11:21 ack 1",
        ],
    );
    with("a block that grows", &["P. 11:21 ack 1", "P. 21:31 ack 1", "P. 31:41 ack 1"]);
    with(
        "a block that grows to the front",
        &["P. 31:41 ack 1", "P. 21:31 ack 1", "P. 11:21 ack 1"],
    );
    with("two blocks that become one", &["P. 11:21 ack 1", "P. 31:41 ack 1", "P. 21:31 ack 1"]);
    with(
        "the older of two grows",
        &["P. 11:21 ack 1", "P. 51:61 ack 1", "P. 21:31 ack 1", "P. 71:81 ack 1"],
    );
    with(
        "a duplicate of what was acknowledged",
        &["P. 1:11 ack 1", "P. 1:11 ack 1", "P. 11:21 ack 1"],
    );
    with("a duplicate of a part", &["P. 1:21 ack 1", "P. 6:11 ack 1", "P. 11:31 ack 1"]);
    with("a duplicate of a block", &["P. 11:21 ack 1", "P. 11:21 ack 1", "P. 1:11 ack 1"]);
    with("a duplicate of a part of a block", &["P. 11:31 ack 1", "P. 15:21 ack 1"]);
    with("a duplicate that reaches beyond a block", &["P. 11:21 ack 1", "P. 15:31 ack 1"]);
    with("a duplicate that begins before a block", &["P. 21:31 ack 1", "P. 11:25 ack 1"]);
    with("a duplicate that ends in a block", &["P. 11:21 ack 1", "P. 1:15 ack 1"]);
    with("a duplicate around a block", &["P. 11:21 ack 1", "P. 1:31 ack 1"]);
    with("a duplicate around two blocks", &["P. 11:21 ack 1", "P. 31:41 ack 1", "P. 6:51 ack 1"]);
    with(
        "an old duplicate with a gap",
        &["P. 1:11 ack 1", "P. 21:31 ack 1", "P. 1:11 ack 1", "P. 11:21 ack 1"],
    );
    with("duplicates at both ends", &["P. 1:5 ack 1", "P. 11:21 ack 1", "P. 1:15 ack 1"]);
    with(
        "a duplicate of two overlapping blocks",
        &["P. 612:622 ack 1", "P. 621:631 ack 1", "P. 622:632 ack 1"],
    );
    with(
        "a duplicate from before the window",
        &["P. -99:1 ack 1", "P. 1:11 ack 1", "P. -5:5 ack 1"],
    );
    with("a reset behind a gap", &["P. 11:21 ack 1", "R 21", "P. 21:31 ack 1"]);
    with("a FIN of ours and a gap", &["P. 11:21 ack 1", "shutdown", "P. 1:11 ack 2"]);
    with("a FIN behind a gap", &["F. 11 ack 1", "P. 1:11 ack 1", "read"]);
    with("data and a FIN behind a gap", &["FP. 11:21 ack 1", "P. 1:11 ack 1", "read"]);
    with("a FIN twice", &["F. 1 ack 1", "F. 1 ack 1"]);
    with(
        "blocks of what was never sent",
        &["write 1000", ". 1 ack 1 <sack 5001:6001>", ". 1 ack 1001"],
    );
    with(
        "blocks that are turned round",
        &["write 3000", ". 1 ack 1 <sack 2001:1001>", ". 1 ack 3001"],
    );
    with("a duplicate of the peer", &["write 1000", ". 1 ack 1001 <sack 1:1001>", "write 10"]);
}

/// Timestamps, and protection against wrapped numbers.
fn timestamps(cases: &mut Vec<Case>) {
    let mut with =
        |name: &str, steps: &[&str]| cases.push(after(format!("timestamps: {name}"), ALL, steps));
    with("data", &["P. 1:11 ack 1 <TS 110 0>", "P. 11:21 ack 1 <TS 120 0>", "read"]);
    with("the same", &["P. 1:11 ack 1 <TS 101 0>", "P. 11:21 ack 1 <TS 101 0>"]);
    with("an old one", &["P. 1:11 ack 1 <TS 50 0>", "P. 1:11 ack 1 <TS 101 0>", "read"]);
    with("a slightly old one", &["P. 1:11 ack 1 <TS 100 0>", "P. 1:11 ack 1 <TS 101 0>", "read"]);
    with("an old one, without data", &[". 1 ack 1 <TS 50 0>", "P. 1:11 ack 1 <TS 102 0>"]);
    with("an old one, with a FIN", &["F. 1 ack 1 <TS 50 0>", "F. 1 ack 1 <TS 102 0>"]);
    with("an old one, with a reset", &["R. 1 ack 1 <TS 50 0>", "read"]);
    with("an old one, with a SYN", &["S 1 <mss 1000,TS 50 0>", "read"]);
    with("an old one, twice", &["P. 1:11 ack 1 <TS 50 0>", "P. 1:11 ack 1 <TS 51 0>"]);
    with("an old one, out of the window", &["P. -99:-9 ack 1 <TS 50 0>", ". 0 ack 1 <TS 50 0>"]);
    with("a far later one", &["P. 1:11 ack 1 <TS 1000000000 0>", "P. 11:21 ack 1 <TS 110 0>"]);
    with(
        "one that is half of the space away",
        &["P. 1:11 ack 1 <TS -2147483548 0>", "P. 1:11 ack 1 <TS 110 0>"],
    );
    with("none in data", &["P. 1:11 ack 1", "read", "P. 1:11 ack 1 <TS 110 0>", "read"]);
    with(
        "none in an acknowledgment",
        &["write 10", ". 1 ack 11", ". 1 ack 11 <TS 110 0>", "write 10"],
    );
    with("none in a FIN", &["F. 1 ack 1", "read"]);
    with("none in a reset", &["R 1", "read"]);
    with("none in a reset in the window", &["R 100", "read"]);
    with("out of order", &["P. 11:21 ack 1 <TS 120 0>", "P. 1:11 ack 1 <TS 110 0>", "read"]);
    with(
        "out of order, then older",
        &["P. 11:21 ack 1 <TS 120 0>", "P. 21:31 ack 1 <TS 130 0>", "P. 1:11 ack 1 <TS 125 0>"],
    );
    with(
        "a duplicate with a later one",
        &["P. 1:11 ack 1 <TS 110 0>", "P. 1:11 ack 1 <TS 120 0>", "P. 11:21 ack 1 <TS 120 0>"],
    );
    with("a keepalive with a later one", &[". 0 ack 1 <TS 500 0>", "P. 1:11 ack 1 <TS 400 0>"]);
    with(
        "a challenge with a later one",
        &["S 100 <mss 1000,TS 500 0>", "P. 1:11 ack 1 <TS 400 0>"],
    );
    with("an echo of the future", &["write 10", ". 1 ack 11 <TS 110 100000>", "write 10"]);
    with("an echo of the past", &["write 10", ". 1 ack 11 <TS 110 -100000>", "write 10"]);
    with("an echo of 0", &["write 10", "P. 1:11 ack 11 <TS 110 0>", "write 10"]);
    with(
        "four gaps, for which there is no room",
        &[
            "P. 11:21 ack 1 <TS 110 0>",
            "P. 31:41 ack 1 <TS 110 0>",
            "P. 51:61 ack 1 <TS 110 0>",
            "P. 71:81 ack 1 <TS 110 0>",
        ],
    );
    with(
        "a duplicate and blocks",
        &[
            "P. 11:21 ack 1 <TS 110 0>",
            "P. 31:41 ack 1 <TS 110 0>",
            "P. 51:61 ack 1 <TS 110 0>",
            "P. 11:21 ack 1 <TS 110 0>",
        ],
    );
    with("twice", &["P. 1:11 ack 1 <TS 110 0,TS 50 0>", "P. 11:21 ack 1 <TS 105 0>"]);
    with("of 9 bytes", &["P. 1:11 ack 1 <raw 08 09 00 00 00 00 00 00 00>", "read"]);
    with("behind the end", &["P. 1:11 ack 1 <raw 00,TS 110 0>", "read"]);
    with("with a scaled window", &["write 10", ". 1 ack 11 win 1 <TS 110 0>", "write 1000"]);
    with(
        "an older acknowledgment",
        &["write 10", ". 1 ack 11 <TS 110 0>", "P. 1:11 ack 5 <TS 120 0>"],
    );
    with("and an abort", &["P. 1:11 ack 1 <TS 110 0>", "abort", ". 11 ack 2 <TS 120 0>"]);
    with(
        "and an end",
        &[
            "P. 1:11 ack 1 <TS 110 0>",
            "read",
            "close",
            ". 11 ack 2 <TS 120 0>",
            "F. 11 ack 2 <TS 130 0>",
        ],
    );
}
