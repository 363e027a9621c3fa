//! Segments to a port that listens, and to one that nobody has (RFC 9293 3.10.7.1, 3.10.7.2).

use super::{Case, case};

/// All combinations of these flags that are no plain SYN.
const FLAGS: [&str; 31] = [
    "-", "F", "R", "P", "U", "FP", "FU", "PU", "FPU", "SF", "SR", "SP", "SU", "SFPU", "FR", "RP",
    "FRPU", "SFR", "SFRPU", "E", "W", "EW", ".", "F.", "P.", "U.", "R.", "S.", "SF.", "SR.",
    "SFRPU.",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, port) in [("a port that listens", 8080), ("a closed port", 9)] {
        let syn = format!("S 0 to {port} <mss 1000>");
        cases.push(case(format!("a SYN to {place}"), &[&syn]));
        cases.push(case(format!("twice a SYN to {place}"), &[&syn, &syn]));
        for flags in FLAGS {
            let ack = if flags.contains('.') { " ack 5000" } else { "" };
            for (what, range) in [("", "0"), (" with data", "0:100")] {
                let segment = format!("{flags} {range}{ack} to {port}");
                cases.push(case(format!("{flags}{what} to {place}"), &[&segment, &syn]));
            }
        }
        for (what, rest) in
            [("of 0", "ack 0"), ("of 1", "ack 1"), ("of the largest number", "ack -1")]
        {
            for flags in ["S.", ".", "F.", "R.", "P."] {
                let segment = format!("{flags} 0 {rest} to {port}");
                cases.push(case(format!("{flags} {what} to {place}"), &[&segment, &syn]));
            }
        }
        for (what, rest) in [
            ("a wrong checksum", "damage 1"),
            ("a wrong checksum, by all bits", "damage 65535"),
            ("a header of 4 words", "off 4"),
            ("a header of 0 words", "off 0"),
            ("a header beyond the segment", "off 7"),
            ("the longest header beyond the segment", "off 15"),
            ("19 bytes", "cut 19"),
            ("8 bytes", "cut 8"),
            ("0 bytes", "cut 0"),
            ("an urgent pointer without the flag", "urg 100"),
            ("a reserved bit", "res 2"),
            ("all reserved bits", "res 14"),
            ("the bit of the nonce", "res 1"),
            ("a window of 0", "win 0"),
            ("a window of 1", "win 1"),
        ] {
            for (flags, ack) in [("S", ""), (".", " ack 1"), ("F.", " ack 1")] {
                let segment = format!("{flags} 0{ack} to {port} {rest}");
                let name = format!("{flags} with {what} to {place}");
                cases.push(case(name, &[&segment, &syn]));
            }
        }
        for flags in ["SE", "SW", "SEW", "SEWP", "SEWU"] {
            let segment = format!("{flags} 0 to {port} <mss 1000>");
            cases.push(case(format!("{flags} to {place}"), &[&segment]));
        }
        let data = format!("S 0:100 to {port} <mss 1000>");
        let data_name = format!("a SYN with data to {place}");
        cases.push(case(data_name, &[&data, ". 1 ack 1", "P. 1:100 ack 1", "read"]));
    }
    cases
}
