//! Handshakes with options (RFC 9293 3.2, RFC 7323 2.2, 3.2, RFC 2018 2).

use super::{Case, case};

/// Options that a SYN may have, and some that it may not.
const OPTIONS: [(&str, &str); 50] = [
    ("none", ""),
    ("an MSS of 0", "mss 0"),
    ("an MSS of 1", "mss 1"),
    ("an MSS of 47", "mss 47"),
    ("an MSS of 48", "mss 48"),
    ("an MSS of 87", "mss 87"),
    ("an MSS of 88", "mss 88"),
    ("an MSS of 100", "mss 100"),
    ("an MSS of 536", "mss 536"),
    ("an MSS of 1460", "mss 1460"),
    ("an MSS of 9000", "mss 9000"),
    ("an MSS of 65535", "mss 65535"),
    ("two MSSs", "mss 500,mss 600"),
    ("a scale of 0", "mss 1000,wscale 0"),
    ("a scale of 7", "mss 1000,wscale 7"),
    ("a scale of 14", "mss 1000,wscale 14"),
    ("a scale of 15", "mss 1000,wscale 15"),
    ("a scale of 255", "mss 1000,wscale 255"),
    ("two scales", "mss 1000,wscale 3,wscale 5"),
    ("SACK", "mss 1000,sackOK"),
    ("twice SACK", "mss 1000,sackOK,sackOK"),
    ("timestamps", "mss 1000,TS 100 0"),
    ("timestamps with an echo", "mss 1000,TS 100 77"),
    ("timestamps twice", "mss 1000,TS 100 0,TS 200 0"),
    ("timestamps of 0", "mss 1000,TS 5001 0"),
    ("SACK and timestamps", "mss 1000,sackOK,TS 100 0"),
    ("SACK and a scale", "mss 1000,sackOK,wscale 2"),
    ("timestamps and a scale", "mss 1000,TS 100 0,wscale 2"),
    ("all", "mss 1000,sackOK,TS 100 0,wscale 2"),
    ("all, turned round", "wscale 2,TS 100 0,sackOK,mss 1000"),
    ("blocks of SACK", "mss 1000,sackOK,sack 1:100"),
    ("an unknown option", "mss 1000,raw fd 04 01 02"),
    ("an unknown option before others", "raw fd 04 01 02,mss 1000,sackOK"),
    ("an unknown option without data", "raw fd 02,mss 1000,sackOK"),
    ("Fast Open's option", "mss 1000,raw 22 02"),
    ("Fast Open's cookie", "mss 1000,raw 22 0a 01 02 03 04 05 06 07 08"),
    ("an option of MD5", "mss 1000,raw 13 12 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"),
    ("a length of 0", "raw fd 00,mss 1000,sackOK"),
    ("a length of 1", "raw fd 01,mss 1000,sackOK"),
    ("a length of 0 behind others", "mss 1000,sackOK,raw fd 00"),
    ("a length beyond the header", "mss 1000,sackOK,raw fd 09 00 00"),
    ("a length of 255", "mss 1000,sackOK,raw fd ff"),
    ("a kind without a length", "mss 1000,sackOK,raw 01 fd"),
    ("an MSS of 3 bytes", "raw 02 03 05,mss 1000,sackOK"),
    ("an MSS of 5 bytes", "raw 02 05 05 05 05,sackOK"),
    ("a scale of 4 bytes", "mss 1000,raw 03 04 02 02"),
    ("SACK of 3 bytes", "mss 1000,raw 04 03 01"),
    ("timestamps of 9 bytes", "mss 1000,raw 08 09 00 00 00 01 00 00 00"),
    ("the end, and others", "raw 00,mss 1000,sackOK,wscale 2"),
    ("no operations", "raw 01 01 01 01,mss 1000,raw 01 01,sackOK"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, options) in OPTIONS {
        let syn = format!("S 0 <{options}>");
        // In each segment, or in none.
        let has_timestamps = options.contains("TS") || options.contains("raw 08 0a");
        let stamp =
            |value: u32| if has_timestamps { format!(" <TS {value} 0>") } else { String::new() };
        let ack = format!(". 1 ack 1 win 60000{}", stamp(300));
        let data = format!("P. 1:101 ack 1 win 60000{}", stamp(301));
        let out_of_order = format!("P. 201:301 ack 1 win 60000{}", stamp(302));
        let all = format!(". 301 ack 1001 win 60000{}", stamp(303));
        cases.push(case(
            format!("a SYN with {name}"),
            &[&syn, &ack, &data, &out_of_order, "read", "write 1000", &all],
        ));
    }
    cases
}
