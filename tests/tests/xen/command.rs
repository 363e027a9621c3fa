//! `cargo letregion run --on xen`, as it is typed.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use crate::{running::spawn, typed::assert_fails};

/// How long a reply may take, on a busy machine too.
const WITHIN: Duration = Duration::from_secs(20);

pub(crate) fn serves_its_input_and_a_port_of_this_machine() {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    client.set_read_timeout(Some(WITHIN)).expect("it takes a limit");
    let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let here = free.local_addr().expect("it is bound").port();
    drop(free);
    let forward = format!("{here}:8080");
    let args =
        ["run", "linux", "--on", "xen", "--console", "-p", &forward, "--", "--ipv4=172.20.0.9/16"];
    let mut running = spawn(&args);
    let (mut input, mut output) = (running.stdin.take(), running.stdout.take());
    let lines = BufReader::new(running.stderr.take().expect("it is a pipe")).lines();
    let mut lines = lines.map(|line| line.expect("it says text"));

    let (mut said, way) = (String::new(), format!("nc -u 127.0.0.1 {here}"));
    while !said.contains(&way) {
        said += &lines.next().unwrap_or_else(|| panic!("it has ended: {said}"));
        said += "\n";
    }
    for request in ["hello", "once more"] {
        client.send_to(request.as_bytes(), (Ipv4Addr::LOCALHOST, here)).expect("it is open");
        let mut reply = [0; 64];
        let length = client.recv(&mut reply).expect("there is a reply");
        assert_eq!(reply[..length], *request.as_bytes());
    }
    if let Some(mut input) = input.take() {
        input.write_all(b"2 7 1 8\n\n2 8\n").expect("it reads");
    }
    said.extend(lines);
    let mut replies = String::new();
    output.as_mut().expect("it is a pipe").read_to_string(&mut replies).expect("it is text");
    assert!(running.wait().expect("it ends").success(), "{said}");
    assert_eq!(replies, "2 7 1 8\n\n2 8\n");
    for expected in ["Xen 4.17", "ready in", "serving", "172.20.0.9", "tail -F"] {
        assert!(said.contains(expected), "no {expected:?}: {said}");
    }
}

pub(crate) fn refuses_before_it_boots() {
    for (args, words) in [
        (
            &["run", "no-such-service", "--on", "xen"][..],
            "echo, facfib, iperf3, kv, monte-carlo, sort",
        ),
        (&["run", "linux", "--on", "xen", "--", "one two"], "one two"),
        (&["run", "echo", "--console", "--request", "x"], "--on xen"),
    ] {
        let said = assert_fails(args, 1, words);
        assert!(!said.contains("QEMU"), "{args:?}: {said}");
    }
}
