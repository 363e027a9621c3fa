//! Networks in which a service reaches others through a gateway, or has one neighbour only.

use std::net::{SocketAddrV4, UdpSocket};

use lab::{Lab, Network, Service};

use super::{
    process::ip,
    support::{PORT, ask, connect, program},
};

/// The address of a host that the service reaches through its gateway only.
const FAR: [u8; 4] = [192, 0, 2, 9];

/// As Qubes, Calico, GCE and routed hosting have it: a network of one host, and a gateway outside of it.
pub(crate) fn a_gateway_outside_the_network() {
    let args = ["--ipv4=10.137.0.5/32", "--ipv4-gateway=10.138.0.1"];
    served([10, 137, 0, 5], [10, 138, 0, 1], 32, &args);
    served([10, 137, 0, 5], [169, 254, 1, 1], 24, &["--ipv4-gateway=169.254.1.1"]);
}

/// RFC 3021: both addresses of a network of two are hosts.
pub(crate) fn a_network_of_two() {
    served([10, 0, 0, 2], [10, 0, 0, 3], 31, &[]);
    served([10, 0, 0, 3], [10, 0, 0, 2], 31, &[]);
}

/// Both the gateway itself and a host behind it get replies, in one frame and in fragments.
fn served(service: [u8; 4], gateway: [u8; 4], prefix: u8, args: &[&str]) {
    let echo = program("echo");
    let (service, host) = (service.into(), gateway.into());
    let network = Network { service, host, prefix, ..Network::default() };
    let test = |lab: &Lab| {
        ip("address add 192.0.2.9/32 dev lo");
        let running = Service::start(lab, echo, args, |_| ()).expect("it serves");
        let far = UdpSocket::bind((std::net::Ipv4Addr::from(FAR), 0)).expect("an address of lo");
        far.connect(SocketAddrV4::new(service, PORT)).expect("there is a route");
        far.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("a timeout");
        for socket in [connect(lab, PORT), far] {
            for request in ["hello".into(), "long ".repeat(1000)] {
                assert_eq!(ask(&socket, &request), request.as_bytes());
            }
        }
        let (status, lines) = running.stop().expect("it ends");
        assert!(status.success(), "{lines:#?}");
    };
    lab::in_namespace(network, test).unwrap_or_else(|error| panic!("{error:#}"));
}
