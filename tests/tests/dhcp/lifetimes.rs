//! Leases of seconds, with Kea: renewed, extended by any server, denied, given back; and long options.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    thread,
    time::Duration,
};

use lab::{Lab, Service};

use super::{
    dnsmasq::{self, Dnsmasq},
    kea::{self, Kea, Settings, USUAL},
    leases::{DHCP, answers, counted, in_lab, ip, start},
};

const MAC: &str = "--mac=02:00:0a:00:00:02";

/// Calls `test` in a network of its own for a service on so many cores, when Kea is there.
fn with_kea(cores: usize, test: impl FnOnce(&Lab, &Path) + Send) {
    kea::fetch();
    in_lab(cores, test);
}

/// The address at which the service says that it serves.
fn address(service: &Service<'_>) -> Ipv4Addr {
    let lines = service.lines();
    let of = |line: &String| line.split_once(" at ")?.1.split_once('/')?.0.parse().ok();
    lines.iter().find_map(of).unwrap_or_else(|| panic!("{lines:#?}"))
}

pub(crate) fn a_lease_of_seconds_is_renewed_and_given_back(cores: usize) {
    with_kea(cores, |lab, echo| {
        let server = Kea::start(&kea::fetch(), USUAL);
        let service = start(lab, echo, &[DHCP, MAC]);
        let ours = address(&service);
        let first = server.kinds();
        assert!(
            first.ends_with(&["DISCOVER", "OFFER", "REQUEST", "ACK"].map(Into::into)),
            "{first:?}"
        );
        let renewal = server.wait_for("REQUEST", first.len(), Duration::from_secs(8));
        // By unicast, from the address that is ours.
        assert_eq!((renewal.from, renewal.to), (ours.to_string(), "10.0.0.1".into()));
        server.wait_for("REQUEST", first.len() + 2, Duration::from_secs(8));
        server.wait_for("ACK", first.len() + 2, Duration::from_secs(2));
        assert_eq!(server.kinds()[first.len()..], ["REQUEST", "ACK", "REQUEST", "ACK"]);
        assert!(answers(ours));
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        assert_eq!((counted(&lines, "leases"), counted(&lines, "lost")), (1, 0), "{lines:#?}");
        let last = server.messages().pop().expect("there are some");
        assert_eq!((last.kind, last.from), ("RELEASE".into(), ours.to_string()));
        assert!(server.lines().iter().any(|line| line.contains("DHCP4_RELEASE ")), "it is taken");
    });
}

/// The server does not hear the request at T1.
pub(crate) fn a_lease_is_extended_by_broadcast_after_t2(cores: usize) {
    with_kea(cores, |lab, echo| {
        let mut server = Kea::start(&kea::fetch(), USUAL);
        let service = start(lab, echo, &[DHCP, MAC]);
        let (ours, known) = (address(&service), server.messages().len());
        server.stop();
        thread::sleep(Duration::from_secs(6));
        assert!(answers(ours));
        server.run(&kea::fetch(), USUAL);
        let request = server.wait_for("REQUEST", known, Duration::from_secs(6));
        assert_eq!((request.from, request.to), (ours.to_string(), Ipv4Addr::BROADCAST.to_string()));
        server.wait_for("ACK", known, Duration::from_secs(2));
        // The lease would have ended.
        thread::sleep(Duration::from_secs(12));
        assert!(answers(ours));
        let (_, lines) = service.stop().expect("it ends");
        assert_eq!((counted(&lines, "leases"), counted(&lines, "lost")), (1, 0), "{lines:#?}");
    });
}

/// Kea says nothing of an address that is not its own. So the lease ends, and with it all use of the address.
pub(crate) fn when_its_network_is_gone_another_address_follows_at_the_end(cores: usize) {
    with_kea(cores, |lab, echo| {
        let mut server = Kea::start(&kea::fetch(), USUAL);
        let service = start(lab, echo, &[DHCP, MAC]);
        let (before, known) = (address(&service), server.messages().len());
        server.stop();
        ip("address add 10.0.9.1/24 dev tap0");
        let settings = Settings { interface: "tap0/10.0.9.1", network: "10.0.9", ..USUAL };
        server.run(&kea::fetch(), settings);
        server.wait_for("REQUEST", known, Duration::from_secs(12));
        assert!(answers(before));
        let end = server.wait_for("DISCOVER", known, Duration::from_secs(14));
        assert_eq!(end.from, Ipv4Addr::UNSPECIFIED.to_string());
        assert!(!answers(before));
        server.wait_for("ACK", known, Duration::from_secs(8));
        assert!(answers(Ipv4Addr::new(10, 0, 9, 60)));
        let (_, lines) = service.stop().expect("it ends");
        let counts = ["leases", "denials", "lost"].map(|name| counted(&lines, name));
        assert_eq!(counts, [2, 0, 1], "{lines:#?}");
    });
}

/// The client starts again with another address than the one that the server knows it by (RFC 2131 4.3.2, INIT-REBOOT).
pub(crate) fn an_address_that_is_not_the_one_of_the_lease_is_denied() {
    with_kea(1, |lab, echo| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("lease");
        let keep = format!("--dhcp-lease={}", file.display());
        let server = Kea::start(&kea::fetch(), Settings { times: [600, 300, 500], ..USUAL });
        let service = start(lab, echo, &[DHCP, MAC, &keep]);
        let ours = address(&service);
        service.stop().expect("it ends");
        let known = server.messages().len();
        assert!(server.kinds().iter().all(|kind| kind != "RELEASE"), "it is kept");
        let service = start(lab, echo, &[DHCP, MAC, &keep]);
        let kinds = server.kinds();
        assert!(kinds[known..].ends_with(&["REQUEST", "ACK"].map(Into::into)), "{kinds:?}");
        assert!(kinds[known..].iter().all(|kind| kind != "DISCOVER"), "{kinds:?}");
        assert_eq!(address(&service), ours);
        service.stop().expect("it ends");
        fs::write(&file, "10.0.0.69\n").expect("it can be written");
        let known = server.messages().len();
        let service = start(lab, echo, &[DHCP, MAC, &keep]);
        let kinds = server.kinds();
        let all = ["REQUEST", "NAK", "DISCOVER", "OFFER", "REQUEST", "ACK"];
        assert!(kinds[known..].ends_with(&all.map(Into::into)), "{kinds:?}");
        assert_eq!(address(&service), ours);
        let (_, lines) = service.stop().expect("it ends");
        assert_eq!((counted(&lines, "leases"), counted(&lines, "denials")), (1, 1), "{lines:#?}");
    });
}

/// RFC 3396: the value has 284 bytes, so it comes in two options. Its last route is the one to the gateway, which is needed.
pub(crate) fn routes_of_more_than_255_bytes_are_read() {
    with_kea(1, |lab, echo| {
        let far = |number: u8| format!("20{:02x}{:02x}{:02x}{:02x}0a000001", 198, 51, 100, number);
        let routes = (1..=31).map(far).chain(["000a000001".into()]).collect::<String>();
        assert_eq!(routes.len() / 2, 284);
        // Which is ignored.
        let router = (3, "0a000009".into());
        let options = [(121, routes), router];
        let _server = Kea::start(&kea::fetch(), Settings { options: &options, ..USUAL });
        let service = start(lab, echo, &[DHCP, MAC]);
        let ours = address(&service);
        // Linux is the router, and these hosts.
        for host in ["198.51.100.1", "198.51.100.16", "192.0.2.1"] {
            ip(&format!("address add {host}/32 dev lo"));
            let socket = UdpSocket::bind((host, 0)).expect("the address is ours");
            socket.set_read_timeout(Some(Duration::from_secs(5))).expect("it can be set");
            socket.send_to(b"hello", (ours, 8080)).expect("there is a route");
            assert_eq!(socket.recv_from(&mut [0; 16]).expect("it is answered").0, 5);
        }
        let (_, lines) = service.stop().expect("it ends");
        let counts = ["bad_values", "bad_options", "routes_unused"];
        assert_eq!(counts.map(|name| counted(&lines, name)), [0; 3], "{lines:#?}");
    });
}

/// Kea is on the other side of a bridge, and answers first. When it is gone, dnsmasq denies its address, and grants another.
pub(crate) fn of_two_servers_one_is_chosen_and_the_other_takes_over(cores: usize) {
    with_kea(cores, |lab, echo| {
        ip("link add br0 type bridge");
        ip("link add veth0 type veth peer name veth1");
        for port in ["tap0", "veth0"] {
            ip(&format!("link set {port} master br0"));
            ip(&format!("link set {port} up"));
        }
        ip("address del 10.0.0.1/24 dev tap0");
        ip("address add 10.0.0.1/24 dev br0");
        ip("link set br0 up");
        let settings = Settings { interface: "veth1", ..USUAL };
        let mut chosen = Kea::start_elsewhere(&kea::fetch(), settings, "10.0.0.3/24");
        chosen.wait_until_elsewhere();
        ip(&format!("link set veth1 netns {}", chosen.id()));
        chosen.wait_until_started();
        let options = ["--interface=br0", "--dhcp-reply-delay=2", "--dhcp-authoritative"];
        let other = Dnsmasq::start(lab, &dnsmasq::fetch(), &options);
        let service = start(lab, echo, &[DHCP, MAC]);
        let before = address(&service);
        assert!((60..70).contains(&before.octets()[3]), "{before} is Kea's");
        let known = chosen.messages().len();
        let renewal = chosen.wait_for("REQUEST", known, Duration::from_secs(8));
        assert_eq!((renewal.from, renewal.to), (before.to_string(), "10.0.0.3".into()));
        chosen.wait_for("ACK", known, Duration::from_secs(2));
        // It was asked, too, and has granted nothing.
        let kinds = other.messages();
        assert!(kinds.iter().any(|kind| kind == "DISCOVER"), "{kinds:?}");
        assert!(kinds.iter().all(|kind| kind != "ACK"), "{kinds:?}");
        chosen.stop();
        let after = other.granted(1, Duration::from_secs(20));
        assert!((50..60).contains(&after.octets()[3]), "{after} is dnsmasq's");
        assert!(other.messages().iter().any(|kind| kind == "NAK"), "{:#?}", other.lines());
        assert!(answers(after) && !answers(before));
        let (_, lines) = service.stop().expect("it ends");
        let counts = ["leases", "denials", "lost"].map(|name| counted(&lines, name));
        assert_eq!(counts, [2, 1, 1], "{lines:#?}");
    });
}
