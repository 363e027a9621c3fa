//! Programs that everybody has, and the kernel's own error messages.

use std::{
    io::{ErrorKind, Write},
    net::Ipv4Addr,
    process::{Command, Output, Stdio},
};

use lab::tools;

use super::support::{ask, connect, with_service};

const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

pub(crate) fn ping_small_and_large() {
    with_service("echo", &[], |_, _| {
        for (count, size) in [("3", "56"), ("1", "65000")] {
            let said = succeed(
                tools::command("ping")
                    .args(["-n", "-i", "0.2", "-W", "5", "-c", count, "-s", size])
                    .arg(SERVICE.to_string()),
            );
            // A reply with other data is said to have a wrong byte, and counts as one that came.
            assert!(said.contains(&format!("{count} received")), "{said}");
            assert!(!said.contains("wrong data byte") && !said.contains("truncated"), "{said}");
        }
    });
}

pub(crate) fn arping() {
    with_service("echo", &[], |lab, _| {
        let said = succeed(
            tools::command("arping")
                .args(["-c", "2", "-I", &lab.network().interface])
                .arg(SERVICE.to_string()),
        );
        assert!(said.contains("Received 2 response"), "{said}");
    });
}

pub(crate) fn netcat() {
    with_service("echo", &[], |_, _| {
        let mut netcat = tools::command("nc")
            .args(["-u", "-w", "1", "10.0.0.2", "8080"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("nc is there");
        let mut stdin = netcat.stdin.take().expect("its input is a pipe");
        stdin.write_all(b"a line through nc\n").expect("it reads its input");
        drop(stdin);
        let output = netcat.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "a line through nc\n");
    });
}

pub(crate) fn a_closed_port_is_refused() {
    with_service("echo", &[], |lab, _| {
        let socket = connect(lab, 9);
        socket.send(b"is anybody there?").expect("a request can be sent");
        let error = socket.recv(&mut [0; 64]).expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // And the service goes on.
        assert_eq!(ask(&connect(lab, 8080), "hello"), b"hello");
    });
}

fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the program is there");
    let said = [stdout, stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(status.success(), "{command:?}: {status}: {said}");
    said
}
