//! Addresses that come from a router (RFC 4862).

use std::{
    io::{Read as _, Write as _},
    net::{Ipv6Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use lab::Service;

use super::{
    peers::{ARGUMENT, SERVICE, ask, in_lab, socket_to, start, stop},
    radvd::{Radvd, fetch},
};

/// The address that the service says it serves at.
pub(crate) fn address(service: &Service<'_>) -> Ipv6Addr {
    let lines = service.lines();
    let line = lines.iter().find(|line| line.starts_with("serving")).expect("it serves");
    let address = line.split(" at ").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
    address.unwrap_or_else(|| panic!("no address of IPv6: {line}"))
}

fn is_in(address: Ipv6Addr, prefix: [u16; 4]) -> bool {
    address.segments()[..4] == prefix
}

/// Whether a request to this address is answered within half a second.
fn answers(address: SocketAddr) -> bool {
    let socket = socket_to(address);
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("it can be set");
    let mut reply = [0; 16];
    socket.send(b"hello").is_ok() && socket.recv(&mut reply).is_ok_and(|length| length == 5)
}

pub(crate) fn an_address_comes_from_a_router() {
    let program = fetch();
    in_lab(|lab, echo| {
        let _router = Radvd::start(&program, "AdvLinkMTU 1400; prefix 2001:db8::/64 { };");
        let begin = Instant::now();
        let service = start(lab, echo, &["--ipv6=auto"]);
        eprintln!("served after {} ms", begin.elapsed().as_millis());
        let address = address(&service);
        assert!(is_in(address, [0x2001, 0xdb8, 0, 0]), "{address}");
        // RFC 7217: the identifier tells nothing of the hardware address.
        assert_ne!(address.octets()[11..13], [0xff, 0xfe], "{address}");
        for length in [5, 1400, 8000] {
            assert_eq!(ask((address, 8080).into(), &vec![7; length]), vec![7; length]);
        }
        // At 1,400 bytes a packet, 1,408 bytes are two fragments, and 8,008 are six; at 1,500 they would be one and six.
        let counted = stop(service);
        assert_eq!((counted("ipv6.fragmented"), counted("ipv6.packets_tx")), (2, 1 + 2 + 6));
    });
}

/// RFC 4861 7.3.1: a neighbour in use is asked every few seconds whether it is there, if a router says that it is believed for one
/// second; but not one whose TCP acknowledges what it gets.
pub(crate) fn who_acknowledges_is_not_asked() {
    let program = fetch();
    in_lab(|lab, echo| {
        let line = "AdvReachableTime 1000; prefix 2001:db8::/64 { AdvAutonomous off; };";
        let _router = Radvd::start(&program, line);
        // The service hears the router, and knows this host.
        let begin = |args: &[&str]| {
            let service = start(lab, echo, &[&[ARGUMENT], args].concat());
            thread::sleep(Duration::from_secs(5));
            service
        };
        let service = begin(&[]);
        for _ in 0..60 {
            assert_eq!(ask((SERVICE, 8080).into(), b"hello"), b"hello");
            thread::sleep(Duration::from_millis(200));
        }
        let counted = stop(service);
        let by_datagrams = (counted("ndp.solicitations_tx"), counted("ndp.hints"));
        let service = begin(&["--tcp"]);
        let mut stream = TcpStream::connect((SERVICE, 8080)).expect("it accepts");
        stream.set_nodelay(true).expect("it can be set");
        for _ in 0..60 {
            let mut reply = [0; 5];
            stream.write_all(b"hello").expect("it takes all");
            stream.read_exact(&mut reply).expect("it gives all back");
            thread::sleep(Duration::from_millis(200));
        }
        drop(stream);
        let counted = stop(service);
        let by_stream = (counted("ndp.solicitations_tx"), counted("ndp.hints"));
        println!(
            "asked, and told by TCP: {by_datagrams:?} with datagrams, {by_stream:?} with a stream"
        );
        // The neighbour is known because it has asked for the service.
        assert!(by_datagrams.0 >= 1 && by_datagrams.1 == 0, "{by_datagrams:?}");
        assert!(by_stream.0 == 0 && by_stream.1 >= 5, "{by_stream:?}");
    });
}

/// A prefix that its router no longer wants is left, and its successor used.
pub(crate) fn a_prefix_that_ends_is_given_up() {
    let program = fetch();
    in_lab(|lab, echo| {
        let old = "prefix 2001:db8::/64 { AdvValidLifetime 10; AdvPreferredLifetime 8; };";
        let mut router = Radvd::start(&program, old);
        let service = start(lab, echo, &["--ipv6=auto"]);
        let first = address(&service);
        assert!(is_in(first, [0x2001, 0xdb8, 0, 0]), "{first}");
        assert!(answers((first, 8080).into()));
        super::peers::ip("-6 address add 2001:db8:0:1::1/64 dev tap0 nodad");
        router.restart(&program, "prefix 2001:db8:0:1::/64 { };");
        let end = Instant::now() + Duration::from_secs(30);
        while answers((first, 8080).into()) {
            assert!(Instant::now() < end, "{first} is still used");
            thread::sleep(Duration::from_millis(200));
        }
        let _ = stop(service);
    });
}
