//! `kv`, which asks another server for what it does not know: here a socket of Linux.

use std::{net::UdpSocket, time::Duration};

use super::{
    process::{assert_ends, ip},
    support::{PORT, ask_text, connect, in_lab, program, receive, with_service},
};

pub(crate) fn is_asked_once_and_its_answer_kept() {
    // The other server is no client, and is heard all the same.
    let args = ["--upstream=10.0.0.9:9000", "--clients=10.0.0.1/32", "--cap=1M"];
    with_service("kv", &args, |lab, _| {
        ip("address add 10.0.0.9/32 dev lo");
        let other = UdpSocket::bind(("10.0.0.9", 9000)).expect("the port is free");
        let client = connect(lab, PORT);
        client.send(b"get far").expect("a request can be sent");
        let mut buffer = [0; 64];
        other.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        let (length, from) = other.recv_from(&mut buffer).expect("it is asked");
        assert_eq!(buffer[..length], *b"peek far");
        other.send_to(b"value away", from).expect("an answer can be sent");
        assert_eq!(receive(&client), b"value away");
        // It is not asked again: it would not answer.
        drop(other);
        assert_eq!(ask_text(&client, "get far"), "value away");
        let line = ask_text(&client, "get other");
        assert!(line.starts_with("kv: \"other\" is not here, and of 10.0.0.9:9000: "), "{line}");
        assert!(line.contains("did not arrive"), "{line}");
    });
}

pub(crate) fn bad_arguments_are_named() {
    in_lab(|lab| {
        for (arg, words) in [
            ("--cap=1K", "kv: --cap=1K: expected a size of 64K or more: 512K"),
            ("--cap=1000000M", "kv: --cap=1048576000000: expected"),
            ("--upstream=here", "kv: --upstream=here: expected an address and a port"),
        ] {
            assert_ends(lab, program("kv"), arg, 2, words);
        }
    });
}
