//! Guests whose addresses of both families come from the network.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    thread,
    time::Duration,
};

use lab::{
    Lab, Network, Service,
    cargo::{Build, Platform, Profile},
    kvm::{Guest, Machine},
};

use super::{
    peers::{ask, ip, socket_to},
    radvd::{self, Radvd},
    routers::address,
};
use crate::{
    built::built,
    dhcp::dnsmasq::{self, Dnsmasq},
    http::page,
    program::program,
};

/// A router that says a prefix, and a server that says an address.
const ROUTER: &str = "prefix 2001:db8::/64 { };";
const ARGUMENTS: [&str; 2] = ["--ipv4=dhcp", "--ipv6=auto"];

/// Calls `start` for a service in a network with both, and asks it at both addresses.
fn both_addresses_answer(start: impl FnOnce(&Lab, &mut dyn FnMut(&Service<'_>)) + Send) {
    let programs = (radvd::fetch(), dnsmasq::fetch());
    lab::in_namespace(Network::default(), |lab| {
        ip("-6 address add 2001:db8::1/64 dev tap0 nodad");
        let _router = Radvd::start(&programs.0, ROUTER);
        let server = Dnsmasq::start(lab, &programs.1, &[]);
        start(lab, &mut |service| {
            let ipv4 = server.granted(1, Duration::from_secs(5));
            for address in [IpAddr::V4(ipv4), address(service).into()] {
                for length in [5, 8000] {
                    let request = vec![7; length];
                    assert_eq!(ask((address, 8080).into(), &request), request, "{address}");
                }
            }
        });
        // The guest has given its address back.
        assert_eq!(server.messages().last().map(String::as_str), Some("RELEASE"));
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

pub(crate) fn a_process_has_both_addresses() {
    let echo = program("echo", &["ipv6", "tcp", "dhcp"]);
    both_addresses_answer(|lab, asked| {
        let service = Service::start(lab, &echo, ARGUMENTS, |_| ());
        let service = service.unwrap_or_else(|error| panic!("{error:#}"));
        asked(&service);
        assert!(service.stop().expect("it ends").0.success());
    });
}

/// On a machine with its device in memory, and on one with a device on PCI.
pub(crate) fn a_guest_of_kvm_has_both_addresses() {
    let features = &["ipv6", "dhcp"];
    let image = built("echo", &Build { features, ..Build::new(Platform::Kvm, Profile::Guest) });
    for machine in [Machine::Microvm { acpi: true }, Machine::Q35] {
        on_kvm(machine, &image);
    }
}

fn on_kvm(machine: Machine, image: &Path) {
    both_addresses_answer(|lab, asked| {
        let sockets = lab::kvm::Sockets::new().expect("there is a place for sockets");
        let monitor = sockets.monitor();
        let guest = Guest { machine, monitor: Some(&monitor), ..Guest::new(image, 2) };
        let service = guest.start(lab, &ARGUMENTS, |_| ());
        let service = service.unwrap_or_else(|error| panic!("{machine:?}: {error:#}"));
        asked(&service);
        let (status, lines) = lab::kvm::shut_down(service, &monitor).expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
    });
}

/// A web service, as a process and as a guest of KVM, whose addresses come from the network: its page is loaded by its name.
pub(crate) fn a_page_is_loaded_by_name_over_both_families() {
    let features = &["dhcp", "ipv6"];
    let process = program("web", features);
    by_name(|lab, asked| {
        let service = Service::start(lab, &process, ARGUMENTS, |_| ());
        let service = service.unwrap_or_else(|error| panic!("{error:#}"));
        asked(&service);
        assert!(service.stop().expect("it ends").0.success());
    });
    let image = built("web", &Build { features, ..Build::new(Platform::Kvm, Profile::Guest) });
    by_name(|lab, asked| {
        let sockets = lab::kvm::Sockets::new().expect("there is a place for sockets");
        let monitor = sockets.monitor();
        let guest = Guest { monitor: Some(&monitor), ..Guest::new(&image, 4) };
        let service = guest.start(lab, &ARGUMENTS, |_| ());
        let service = service.unwrap_or_else(|error| panic!("{error:#}"));
        asked(&service);
        let (status, lines) = lab::kvm::shut_down(service, &monitor).expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
    });
}

/// Calls `start` for a web service in a network with a router and a server of addresses and names, and loads its page.
fn by_name(start: impl FnOnce(&Lab, &mut dyn FnMut(&Service<'_>)) + Send) {
    const A: u8 = 1;
    const AAAA: u8 = 28;
    let programs = (radvd::fetch(), dnsmasq::fetch());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "").expect("there is room");
    lab::in_namespace(Network::default(), |lab| {
        ip("-6 address add 2001:db8::1/64 dev tap0 nodad");
        let _router = Radvd::start(&programs.0, ROUTER);
        let option = format!("--addn-hosts={}", hosts.display());
        let server = Dnsmasq::with_names(lab, &programs.1, 53, &[&option]);
        start(lab, &mut |service| {
            let ours = (server.granted(1, Duration::from_secs(5)), address(service));
            let lines = format!("{} web.test\n{} web.test\n", ours.0, ours.1);
            fs::write(&hosts, lines).expect("there is room");
            server.reload();
            let of = |kind| resolve(Ipv4Addr::new(10, 0, 0, 1), "web.test", kind);
            let ipv4 = <[u8; 4]>::try_from(of(A)).expect("an address of IPv4");
            let ipv6 = <[u8; 16]>::try_from(of(AAAA)).expect("an address of IPv6");
            let found = (Ipv4Addr::from(ipv4), Ipv6Addr::from(ipv6));
            assert_eq!(found, ours);
            let over_ipv4 = page((found.0, 8080).into(), "/");
            assert!(over_ipv4.contains("<html") && over_ipv4.contains("</html>"), "{over_ipv4}");
            assert_eq!(over_ipv4, page((found.1, 8080).into(), "/"));
        });
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// What the server at this address answers for a name (RFC 1035 4.1): the data of the only record. The server may still be reading
/// what it says.
fn resolve(server: Ipv4Addr, name: &str, kind: u8) -> Vec<u8> {
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(label.len() as u8);
        question.extend(label.bytes());
    }
    question.extend([0, 0, kind, 0, 1]);
    let socket = socket_to((server, 53).into());
    for _ in 0..50 {
        socket.send(&question).expect("it can be sent");
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer).expect("it answers");
        // One record: a pointer to the name, the type, the class, a time, a length, and the data.
        if answer[6..8] == [0, 1] {
            return answer[question.len() + 12..length].to_vec();
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("there is no record of type {kind} for {name}");
}
