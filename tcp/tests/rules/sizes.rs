//! How large segments are (RFC 9293 3.7.1, RFC 6691).

use tcp::Local;

use crate::script::{Script, accepted, accepted_with, connect_with, local};

/// The data of the longest segment that is sent.
fn longest(s: &mut Script<'_>) -> usize {
    s.write(10_000);
    let longest = s.take().iter().map(|segment| segment.data.len()).max().unwrap();
    s.tcp.abort();
    s.take();
    longest
}

/// MUST-14, SHLD-5, MAY-3, MUST-65, MUST-67; RFC 6691 2: the option says what we receive, whatever options there are, and is in
/// SYNs only.
#[test]
fn each_syn_says_what_we_receive() {
    for mss in [1460, 8960, 536, 1360, 100, 65_495] {
        connect_with(&Local { path_mss: mss, ..local() }, |s| {
            let syn = format!("S 0 <mss {mss},sackOK,wscale 0>");
            s.sends([&syn]);
            assert_eq!(s.sends_next([&syn]), 1_000);
            s.recv("S. 0 ack 1 <mss 1000,sackOK,TS 5 1000>");
            // Nothing but a timestamp.
            s.sends([". 1 ack 1"]);
        });
    }
}

/// MUST-15, MUST-16; RFC 6691 3.1: what the peer says, or 536, or what the path takes, less our options.
#[test]
fn segments_have_what_peer_and_path_take_less_our_options() {
    for (path_mss, syn, expected) in [
        (1460, "S 0", 536),
        (1460, "S 0 <mss 1000>", 1000),
        (1460, "S 0 <mss 1460>", 1460),
        (1460, "S 0 <mss 9000>", 1460),
        (1360, "S 0 <mss 1460>", 1360),
        (1460, "S 0 <mss 1460,TS 5 0>", 1448),
        (1460, "S 0 <TS 5 0>", 524),
        (1460, "S 0 <mss 1000,TS 5 0,sackOK,wscale 3>", 988),
        (500, "S 0", 500),
    ] {
        accepted_with(&Local { path_mss, ..local() }, syn, |s| {
            assert_eq!(longest(s), expected, "{path_mss} {syn}");
        });
    }
}

/// CVE-2019-11478, CVE-2019-11479: a peer that takes only tiny segments gets some that are not tiny.
#[test]
fn a_peer_cannot_ask_for_tiny_segments() {
    for (syn, expected) in
        [("S 0 <mss 1>", 36), ("S 0 <mss 48,TS 5 0,sackOK>", 36), ("S 0 <mss 88>", 88)]
    {
        accepted(syn, |s| assert_eq!(longest(s), expected, "{syn}"));
    }
}

/// A peer whose MSS is 65,535 takes what the path takes.
#[test]
fn the_largest_size_is_no_limit() {
    accepted("S 0 <mss 65535>", |s| assert_eq!(longest(s), 1460));
}
