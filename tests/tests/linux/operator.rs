//! What an operator sees of a service: its counters, and its frames.

use std::{env, fs, fs::File, process};

use pcap_file::pcap::PcapReader;

use super::support::{PORT, ask_text, connect, with_service};

pub(crate) fn counters_are_served() {
    with_service("echo", &["--stats-port=9100"], |lab, _| {
        let (service, counters) = (connect(lab, PORT), connect(lab, 9100));
        for _ in 0..10 {
            ask_text(&service, "hello");
        }
        let all = ask_text(&counters, "");
        for line in [
            // Ten requests, and this one.
            "eth0.udp.datagrams_rx 11",
            "eth0.udp.bad_checksum 0",
            "eth0.arp.conflicts 0",
        ] {
            assert!(all.lines().any(|is| is == line), "{line} is not in:\n{all}");
        }
        for beginning in [
            "eth0.tap.",
            "eth0.ethernet.",
            "eth0.ipv4.",
            "eth0.icmp.",
            "pool pages ",
            "region packet ",
        ] {
            assert!(all.lines().any(|is| is.starts_with(beginning)), "no {beginning} in:\n{all}");
        }
        assert_eq!(ask_text(&counters, "eth0.udp.datagrams_rx\n"), "eth0.udp.datagrams_rx 12\n");
    });
}

pub(crate) fn frames_are_written_to_a_file() {
    let path = env::temp_dir().join(format!("frames-{}.pcap", process::id()));
    let argument = format!("--pcap={}", path.display());
    with_service("echo", &[&argument], |lab, _| {
        ask_text(&connect(lab, PORT), "written down");
    });
    let mut reader = PcapReader::new(File::open(&path).expect("there is a file")).expect("pcap");
    let mut datagrams = Vec::new();
    while let Some(frame) = reader.next_packet() {
        let frame = frame.expect("the file is whole");
        // Ethernet, IPv4 and UDP headers before the payload; the checksum of IPv4 needs no look.
        if frame.data.get(42..54) == Some(b"written down") {
            datagrams.push((frame.timestamp, frame.data[34..38].to_vec()));
        }
    }
    fs::remove_file(path).expect("the file is ours");
    let [request, reply] = &datagrams[..] else { panic!("not two datagrams: {datagrams:?}") };
    assert!(request.0 <= reply.0, "the reply is older than its request");
    assert_eq!(request.1[2..], PORT.to_be_bytes());
    assert_eq!(reply.1[..2], PORT.to_be_bytes());
}
