//! What a guest answers.

use std::process::Command;

use lab::tools;

use super::support::{client, exchange, with_echo};

pub(crate) fn ping_and_arping() {
    with_echo(|lab, _| {
        let (interface, address) = (&lab.network().interface, lab.network().service.to_string());
        let mut ping = lab.client("ping");
        succeed(ping.args(["-c", "5", "-i", "0.2", "-W", "5", &address]));
        let mut arping = lab.client("arping");
        succeed(arping.args(["-c", "2", "-w", "10", "-I", interface, &address]));
    });
}

/// Runs a command, which is to succeed, without showing what it writes.
fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}\n{said}", tools::typed(command), output.status);
}

pub(crate) fn short_and_long_requests() {
    let pi = include_bytes!("../data/pi60000.txt");
    with_echo(|lab, _| {
        let client = client(lab);
        for request in [&[b'x'; 64][..], &[], &[0], pi, &[7; 65_507], b"hello"] {
            exchange(&client, request);
        }
    });
}

/// None is lost, and the buffers come back: the device has 256 of each.
pub(crate) fn thousands_of_requests_in_a_row() {
    with_echo(|lab, _| {
        let client = client(lab);
        for number in 0..6_000_u32 {
            exchange(&client, &number.to_le_bytes());
        }
    });
}
