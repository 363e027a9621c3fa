//! What the tests share.

use std::{
    net::UdpSocket,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use lab::{Lab, Network, Service, cargo, kvm::Guest};

/// The port of echo.
pub(crate) const ECHO: u16 = 8080;

/// The image of echo, built once.
pub(crate) fn echo() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        cargo::build_kvm(&["echo"], &[]).expect("echo builds").remove("echo").expect("a program")
    })
}

/// Calls `work` with echo on a machine with ACPI tables, and on one without, each in a network of its own.
pub(crate) fn with_echo(work: impl Fn(&Lab, &mut Service<'_>) + Sync) {
    on_both(|lab, guest| {
        let mut service = guest.start(lab, &[], |_| ()).expect("it serves");
        work(lab, &mut service);
    });
}

/// Calls `work` with echo, not started, for a machine with ACPI tables, and for one without.
pub(crate) fn on_both(work: impl Fn(&Lab, &Guest<'_>) + Sync) {
    for acpi in [true, false] {
        let guest = Guest { image: echo(), memory: 8, acpi, monitor: None };
        lab::in_namespace(Network::default(), |lab| work(lab, &guest))
            .unwrap_or_else(|error| panic!("{error:#}"));
    }
}

/// A socket that is connected to echo.
pub(crate) fn client(lab: &Lab) -> UdpSocket {
    let client = lab.connect(ECHO).expect("a socket");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    client
}

/// Sends a request, and expects it back.
pub(crate) fn exchange(client: &UdpSocket, request: &[u8]) {
    let mut reply = [0; 70_000];
    client.send(request).expect("it can be sent");
    let length = client.recv(&mut reply).expect("there is a reply");
    assert!(reply[..length] == *request, "a reply of {length} bytes to {}", request.len());
}
