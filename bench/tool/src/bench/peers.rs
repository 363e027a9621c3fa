//! Who is measured.

use std::net::Ipv4Addr;

/// The name of the peer that is the limit.
pub(crate) const REFLECTOR: &str = "reflector";
/// The name of the peer that others are compared with.
pub(crate) const SMOLTCP: &str = "smoltcp";

/// A program that echoes UDP datagrams, and how it is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    /// What it is told beside the addresses of the lab.
    pub(crate) args: &'static [&'static str],
    /// Where it is reached, if not at the lab's TAP device.
    pub(crate) elsewhere: Option<Ipv4Addr>,
    /// Whether the load hands many requests to its kernel at once (`UDP_SEGMENT`), and takes as many replies
    /// (`UDP_GRO`).
    pub(crate) segments: bool,
    /// Whether it is an error if it does not answer.
    pub(crate) must_work: bool,
}

/// The kernel is to do a part of the work.
const OFFLOADS: &[&str] = &["--offloads=on"];
/// The longest request in bytes that a load can hand over with others: what fits a frame.
const LONGEST_SEGMENT: u16 = 1472;

impl Peer {
    const fn new(name: &'static str, program: &'static str) -> Self {
        let (args, elsewhere) = (&[] as &[_], None);
        Self { name, program, args, elsewhere, segments: false, must_work: true }
    }

    /// Whether there is something to measure with requests of this size.
    pub(crate) fn takes(&self, size: u16) -> bool {
        !self.segments || size <= LONGEST_SEGMENT
    }
}

/// All of them, in the order in which they take turns.
pub(crate) const PEERS: [Peer; 7] = [
    Peer::new(REFLECTOR, "reflector"),
    Peer::new("letregion", "echo"),
    Peer { args: OFFLOADS, ..Peer::new("letregion-offloads", "echo") },
    Peer { must_work: false, ..Peer::new(SMOLTCP, "smoltcp-echo") },
    Peer {
        args: &["--interface=veth0", "--ipv4=10.0.1.2/24", "--ipv4-gateway=10.0.1.1"],
        elsewhere: Some(Ipv4Addr::new(10, 0, 1, 2)),
        must_work: false,
        ..Peer::new("kernel", "kernel-echo")
    },
    Peer { segments: true, ..Peer::new("reflector-segments", "reflector") },
    Peer { segments: true, args: OFFLOADS, ..Peer::new("letregion-segments", "echo") },
];

/// The port that all of them serve.
pub(crate) const PORT: u16 = 8080;
