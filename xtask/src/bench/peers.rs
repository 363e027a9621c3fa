//! Who is measured.

use std::net::Ipv4Addr;

/// The name of the peer that is the limit.
pub(crate) const REFLECTOR: &str = "reflector";
/// The name of the peer that others are compared with.
pub(crate) const SMOLTCP: &str = "smoltcp";

/// A program that echoes UDP datagrams.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    /// What it is told beside the addresses of the lab.
    pub(crate) args: &'static [&'static str],
    /// Where it is reached, if not at the lab's TAP device.
    pub(crate) elsewhere: Option<Ipv4Addr>,
    /// Whether it is an error if it does not answer.
    pub(crate) must_work: bool,
}

/// All of them, in the order in which they take turns.
pub(crate) const PEERS: [Peer; 4] = [
    Peer { name: REFLECTOR, program: "reflector", args: &[], elsewhere: None, must_work: true },
    Peer { name: "letregion", program: "echo", args: &[], elsewhere: None, must_work: true },
    Peer { name: SMOLTCP, program: "smoltcp-echo", args: &[], elsewhere: None, must_work: false },
    Peer {
        name: "kernel",
        program: "kernel-echo",
        args: &["--interface=veth0", "--ipv4=10.0.1.2/24", "--ipv4-gateway=10.0.1.1"],
        elsewhere: Some(Ipv4Addr::new(10, 0, 1, 2)),
        must_work: false,
    },
];

/// The port that all of them serve.
pub(crate) const PORT: u16 = 8080;
