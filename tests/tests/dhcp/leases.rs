//! Leases: how they come, what is in them, and whose the address is.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, Network, Service};

use super::dnsmasq::{Dnsmasq, fetch};
use crate::cores::program_for;

/// The earliest T1 that a client accepts, and a T2.
const SOON: [&str; 2] = ["--dhcp-option=option:T1,5", "--dhcp-option=option:T2,100"];

pub(super) const DHCP: &str = "--ipv4=dhcp";

/// How many flows ask: some come to each core.
const FLOWS: usize = 16;

/// Calls `test` in a network of its own, from where no package can be fetched, with the program of a service for so many cores.
pub(super) fn in_lab(cores: usize, test: impl FnOnce(&Lab, &Path) + Send) {
    fetch();
    let echo = program_for(cores, "echo", &["dhcp", "ipv6"]);
    let network = Network { queues: cores > 1, ..Network::default() };
    lab::in_namespace(network, |lab| test(lab, &echo)).unwrap_or_else(|error| panic!("{error:#}"));
}

pub(super) fn start<'lab>(lab: &'lab Lab, echo: &Path, args: &[&str]) -> Service<'lab> {
    let args = on_cores(lab, args);
    Service::start(lab, echo, args, |_| ()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The arguments, and that for two cores where the network is for them.
fn on_cores<'a>(lab: &Lab, args: &[&'a str]) -> Vec<&'a str> {
    let several: &[&str] = if lab.network().queues { &["--cores=2"] } else { &[] };
    [args, several].concat()
}

/// Whether `echo` at this address answers within a second. All flows are answered, or none.
pub(super) fn answers(address: Ipv4Addr) -> bool {
    answers_at((address, 8080).into())
}

fn answers_at(to: SocketAddr) -> bool {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let flow = |_| {
        let socket = UdpSocket::bind(any).expect("a socket can be opened");
        socket.connect(to).expect("there is a route");
        let _ = socket.send(b"hello");
        socket
    };
    let flows: Vec<_> = (0..FLOWS).map(flow).collect();
    let end = Instant::now() + Duration::from_secs(1);
    let is_answered = |socket: &&UdpSocket| {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(left)).expect("it can be set");
        let mut reply = [0; 16];
        socket.recv(&mut reply).is_ok_and(|length| &reply[..length] == b"hello")
    };
    let answered = flows.iter().filter(is_answered).count();
    assert!(answered == 0 || answered == FLOWS, "{answered} of {FLOWS} flows are answered");
    answered > 0
}

/// What the service counted under this name, when it has ended.
pub(super) fn counted(lines: &[String], name: &str) -> u64 {
    let of = |line: &String| line.strip_prefix(&format!("eth0.dhcp.{name} "))?.parse().ok();
    lines.iter().find_map(of).unwrap_or(0)
}

pub(super) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip can be called");
    assert!(status.success(), "ip {arguments}");
}

pub(crate) fn an_address_comes_and_is_renewed(cores: usize) {
    in_lab(cores, |lab, echo| {
        let server = Dnsmasq::start(lab, &fetch(), &SOON);
        let service = start(lab, echo, &[DHCP]);
        let address = server.granted(1, Duration::from_secs(5));
        let words = format!(" at {address}/24 ");
        assert!(service.lines().iter().any(|line| line.contains(&words)), "{:#?}", service.lines());
        assert!(answers(address));
        let first = server.messages();
        assert!(
            first.ends_with(&["DISCOVER", "OFFER", "REQUEST", "ACK"].map(Into::into)),
            "{first:?}"
        );
        assert_eq!(server.granted(3, Duration::from_secs(30)), address);
        assert!(answers(address));
        let later = &server.messages()[first.len()..];
        assert_eq!(later, ["REQUEST", "ACK", "REQUEST", "ACK"]);
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        assert_eq!((counted(&lines, "leases"), counted(&lines, "lost")), (1, 0), "{lines:#?}");
        // It has given the address back, once.
        let messages = server.messages();
        assert_eq!(messages.last().map(String::as_str), Some("RELEASE"));
        assert_eq!(messages.iter().filter(|kind| *kind == "RELEASE").count(), 1);
    });
}

/// Addresses of both families come by themselves, and all flows are answered at both.
pub(crate) fn an_address_of_ipv6_comes_as_well(cores: usize) {
    in_lab(cores, |lab, echo| {
        ip("-6 address add 2001:db8::1/64 dev tap0 nodad");
        let options = ["--enable-ra", "--dhcp-range=2001:db8::,ra-only,64"];
        let server = Dnsmasq::start(lab, &fetch(), &options);
        let service = start(lab, echo, &[DHCP, "--ipv6=auto"]);
        let address = server.granted(1, Duration::from_secs(5));
        let lines = service.lines();
        let line = lines.iter().find(|line| line.starts_with("serving")).expect("it serves");
        let mut places = line.split(" at ").skip(1).filter_map(|rest| rest.split('/').next());
        let ipv6: Ipv6Addr =
            places.find_map(|place| place.parse().ok()).expect("an address of IPv6");
        assert_eq!(ipv6.segments()[..2], [0x2001, 0xdb8], "{line}");
        assert!(answers(address) && answers_at((ipv6, 8080).into()), "{line}");
        assert!(service.stop().expect("it ends").0.success());
    });
}

/// A router, and an MTU that Linux sees in what comes.
pub(crate) fn what_the_server_says_is_used(cores: usize) {
    in_lab(cores, |lab, echo| {
        let options = [
            "--dhcp-option=option:router,10.0.0.9",
            "--dhcp-option=option:mtu,1000",
            // Instead of the router. There is no way to others.
            "--dhcp-option=option:classless-static-route,192.0.2.0/24,10.0.0.1",
        ];
        let server = Dnsmasq::start(lab, &fetch(), &options);
        let service = start(lab, echo, &[DHCP]);
        let address = server.granted(1, Duration::from_secs(5));
        // A host behind the router of that route, which is Linux.
        ip("address add 192.0.2.1/32 dev lo");
        let far = UdpSocket::bind("192.0.2.1:0").expect("the address is ours");
        far.set_read_timeout(Some(Duration::from_secs(5))).expect("it can be set");
        far.send_to(b"hello", (address, 8080)).expect("there is a route");
        let mut reply = [0; 4096];
        assert_eq!(far.recv_from(&mut reply).expect("it is answered").0, 5);
        // What comes back in pieces of the smaller MTU is put together.
        far.send_to(&[7; 3000], (address, 8080)).expect("there is a route");
        assert_eq!(far.recv_from(&mut reply).expect("it is answered").0, 3000);
        ip("address add 198.51.100.1/32 dev lo");
        let lost = UdpSocket::bind("198.51.100.1:0").expect("the address is ours");
        lost.set_read_timeout(Some(Duration::from_secs(1))).expect("it can be set");
        lost.send_to(b"hello", (address, 8080)).expect("there is a route");
        lost.recv_from(&mut reply).expect_err("the service has none");
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        assert_eq!((counted(&lines, "mtus_unused"), counted(&lines, "routes_unused")), (0, 0));
        // One reply in one piece, and one in four of up to 976 bytes; at an MTU of 1500 it would be three.
        let packets = |line: &String| line.strip_prefix("eth0.ipv4.packets_tx ")?.parse().ok();
        let sent: u64 = lines.iter().find_map(packets).expect("it is counted");
        assert_eq!(sent - counted(&lines, "messages_tx"), 1 + 4, "{lines:#?}");
    });
}

/// Linux has all the addresses, of which dnsmasq does not know.
pub(crate) fn an_address_in_use_is_declined(cores: usize) {
    in_lab(cores, |lab, echo| {
        (50..60).for_each(|last| ip(&format!("address add 10.0.0.{last}/32 dev lo")));
        let server = Dnsmasq::start(lab, &fetch(), &[]);
        let args = on_cores(lab, &[DHCP, "--probe"]);
        let mut child = lab.command(echo, args).spawn().expect("it can be started");
        let first = server.granted(1, Duration::from_secs(20));
        let end = Instant::now() + Duration::from_secs(20);
        while !server.messages().iter().any(|kind| kind == "DECLINE") {
            assert!(Instant::now() < end, "{first} is not declined: {:#?}", server.lines());
            thread::sleep(Duration::from_millis(20));
        }
        let second = server.granted(2, Duration::from_secs(40));
        assert_ne!(first, second, "{:#?}", server.lines());
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    });
}

pub(crate) fn a_server_that_comes_late_is_found() {
    in_lab(1, |lab, echo| {
        let mut child = lab.command(echo, [DHCP]).spawn().expect("it can be started");
        thread::sleep(Duration::from_secs(2));
        assert!(child.try_wait().expect("it was started").is_none(), "it waits");
        let server = Dnsmasq::start(lab, &fetch(), &[]);
        let address = server.granted(1, Duration::from_secs(30));
        let end = Instant::now() + Duration::from_secs(10);
        while !answers(address) {
            assert!(Instant::now() < end, "{address} does not answer");
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    });
}

pub(crate) fn a_value_that_is_no_address_is_refused() {
    in_lab(1, |lab, echo| {
        for value in ["dhc", "DHCP", "dhcp/24", "0.0.0.0/32", ""] {
            let mut command = lab.client(echo);
            let output =
                command.arg(format!("--ipv4={value}")).output().expect("it can be started");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{value}: {said}");
            let words = "expected the address of a host with its prefix, 10.0.0.2/24, or dhcp";
            assert!(said.contains(words), "{value}: {said}");
        }
    });
}
