//! The address over a restart (RFC 2131 3.2).

use std::{fs, path::Path, time::Duration};

use lab::{Lab, Service};
use nix::sys::signal::Signal;

use super::{
    dnsmasq::{Dnsmasq, fetch},
    leases::{DHCP, answers, counted, in_lab, start},
};

/// Servers know a client by its hardware address, which is another one at each start if nobody says it.
const MAC: &str = "--mac=02:00:0a:00:00:02";

/// Starts `echo` with this file, and waits until it serves.
fn start_with<'lab>(lab: &'lab Lab, echo: &Path, file: &Path) -> Service<'lab> {
    start(lab, echo, &[DHCP, MAC, &format!("--dhcp-lease={}", file.display())])
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("it is there").trim_end().into()
}

/// By a signal that it hears, and by one that it does not.
pub(crate) fn an_address_is_kept_over_restarts(cores: usize) {
    in_lab(cores, |lab, echo| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("lease");
        let server = Dnsmasq::start(lab, &fetch(), &[]);
        let service = start_with(lab, echo, &file);
        let address = server.granted(1, Duration::from_secs(5));
        assert_eq!(read(&file), address.to_string());
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        let before = server.messages().len();
        // It was not given back, and is asked for in one message.
        assert!(server.messages().iter().all(|kind| kind != "RELEASE"));
        let mut service = start_with(lab, echo, &file);
        assert_eq!(server.granted(2, Duration::from_secs(5)), address);
        assert_eq!(server.messages()[before..], ["REQUEST", "ACK"], "{:#?}", server.lines());
        assert!(answers(address));
        service.signal(Signal::SIGKILL).expect("it runs");
        drop(service);
        let before = server.messages().len();
        let service = start_with(lab, echo, &file);
        assert_eq!(server.granted(3, Duration::from_secs(5)), address);
        assert_eq!(server.messages()[before..], ["REQUEST", "ACK"], "{:#?}", server.lines());
        let (_, lines) = service.stop().expect("it ends");
        assert_eq!((counted(&lines, "leases"), counted(&lines, "lost")), (1, 0), "{lines:#?}");
        // As a guest has it.
        let before = server.messages().len();
        let _service = start(lab, echo, &[DHCP, MAC, &format!("--dhcp-address={address}")]);
        assert_eq!(server.granted(4, Duration::from_secs(5)), address);
        assert_eq!(server.messages()[before..], ["REQUEST", "ACK"], "{:#?}", server.lines());
    });
}

pub(crate) fn an_address_of_another_network_is_denied_and_replaced(cores: usize) {
    in_lab(cores, |lab, echo| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("lease");
        fs::write(&file, "192.168.7.9\n").expect("it can be written");
        let server = Dnsmasq::start(lab, &fetch(), &["--dhcp-authoritative"]);
        let service = start_with(lab, echo, &file);
        let address = server.granted(1, Duration::from_secs(10));
        let all = ["REQUEST", "NAK", "DISCOVER", "OFFER", "REQUEST", "ACK"];
        assert_eq!(server.messages(), all, "{:#?}", server.lines());
        assert!(answers(address));
        assert_eq!(read(&file), address.to_string());
        let (_, lines) = service.stop().expect("it ends");
        assert_eq!((counted(&lines, "denials"), counted(&lines, "leases")), (1, 1), "{lines:#?}");
    });
}

pub(crate) fn nonsense_in_the_file_is_said_and_ignored() {
    in_lab(1, |lab, echo| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("lease");
        fs::write(&file, [b'x'; 5000]).expect("it can be written");
        let server = Dnsmasq::start(lab, &fetch(), &[]);
        let service = start_with(lab, echo, &file);
        let address = server.granted(1, Duration::from_secs(5));
        let words = "what is in it is ignored: expected one line with an address";
        assert!(service.lines().iter().any(|line| line.contains(words)), "{:#?}", service.lines());
        assert_eq!(read(&file), address.to_string());
        drop(service);
        // No file can be made there.
        let mut command = lab.client(echo);
        command.args([DHCP, "--dhcp-lease=/no/such/folder/lease"]);
        let output = command.output().expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("--dhcp-lease=/no/such/folder/lease: "), "{said}");
    });
}
