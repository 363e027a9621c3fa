//! `cargo letregion run --on kvm -- --log=LAYERS`: what the layers do, in words.

use crate::typed::letregion;

pub(crate) fn says_in_words_what_the_layers_do() {
    let run = ["run", "echo", "--on", "kvm", "--machine", "pc", "--request", "hello"];
    let output = letregion(&[&run[..], &["--", "--log=arp,udp"]].concat(), "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello");
    // The header of the request and of its reply, each with 8 bytes for itself.
    let words: Vec<_> = said.lines().filter_map(words).collect();
    let received = words.iter().find_map(|words| words.strip_prefix("udp: received "));
    let (from, rest) = received.and_then(|ports| ports.split_once(" > ")).expect(&said);
    assert_eq!(rest, "8080, length 13", "{said}");
    let sent = format!("udp: sends 8080 > {from}, length 13");
    assert!(words.contains(&&*sent), "{said}");
    assert!(words.iter().any(|words| words.starts_with("arp: sent: 10.0.0.2 is at ")), "{said}");
    for unwanted in ["#log", "lab-log:", "left out", "ipv4:"] {
        assert!(!said.contains(unwanted), "{unwanted}: {said}");
    }
}

/// A line of the log without its time in seconds: `12.000345 arp: …`.
fn words(line: &str) -> Option<&str> {
    let (time, words) = line.split_once(' ')?;
    let (_, micros) = time.split_once('.')?;
    (micros.len() == 6 && time.parse::<f64>().is_ok()).then_some(words)
}
