//! The other host: Linux with IPv6.

use std::{
    net::{SocketAddrV6, UdpSocket},
    time::Duration,
};

use nix::net::if_::if_nametoindex;

use super::{
    frames::{GATEWAY, PEER, US},
    tower::our_link_local,
};
use crate::differential_linux::{
    frames::{PEER_MAC, PORT},
    kernel::{Kernel, ip, set, with_kernel},
};

/// What Linux is told, so that it does what a host has to do, and nothing by itself.
const SETTINGS: [(&str, &str); 22] = [
    ("ipv6/bindv6only", "1"),
    // No addresses of its own, no search for duplicates and routers, and reports of groups at once.
    ("ipv6/conf/tap0/addr_gen_mode", "1"),
    ("ipv6/conf/tap0/accept_dad", "0"),
    ("ipv6/conf/tap0/dad_transmits", "0"),
    ("ipv6/conf/tap0/router_solicitations", "0"),
    ("ipv6/conf/tap0/mldv1_unsolicited_report_interval", "1"),
    ("ipv6/conf/tap0/mldv2_unsolicited_report_interval", "1"),
    // What routers say is taken, but for addresses, of which each host makes others.
    ("ipv6/conf/tap0/accept_ra", "1"),
    ("ipv6/conf/tap0/autoconf", "0"),
    ("ipv6/conf/tap0/accept_redirects", "1"),
    ("ipv6/conf/tap0/use_tempaddr", "0"),
    // A packet for one host in a frame for all is dropped, as with IPv4.
    ("ipv6/conf/tap0/drop_unicast_in_l2_multicast", "1"),
    // Errors without a limit.
    ("ipv6/icmp/ratelimit", "0"),
    ("ipv6/icmp/ratemask", "\n"),
    ("ipv6/icmp/echo_ignore_multicast", "0"),
    // Fragments of others do not end a datagram.
    ("ipv6/ip6frag_high_thresh", "268435456"),
    ("ipv6/auto_flowlabels", "0"),
    ("ipv6/flowlabel_reflect", "0"),
    ("ipv6/conf/tap0/suppress_frag_ndisc", "1"),
    ("ipv6/conf/all/forwarding", "0"),
    ("ipv6/conf/tap0/accept_ra_pinfo", "1"),
    ("ipv6/conf/tap0/disable_ipv6", "0"),
];

/// Linux with the address [`US`] and one of the link, and for each a UDP socket that echoes: a reply is to come from the address
/// that was asked.
pub(super) struct Linux<'a> {
    kernel: &'a mut Kernel,
    services: [UdpSocket; 2],
}

/// Calls `test` with a kernel that was just set up.
pub(super) fn with_linux<T: Send>(test: impl FnOnce(&mut Linux<'_>) -> T + Send) -> T {
    with_kernel(|kernel| {
        for (name, value) in SETTINGS {
            set(name, value);
        }
        let local = our_link_local();
        let peer = netif::MacAddr(PEER_MAC);
        ip(&format!(
            "address add {local}/64 dev tap0 nodad
             address add {US}/64 dev tap0 nodad
             neighbour replace {PEER} lladdr {peer} nud permanent dev tap0
             neighbour replace {GATEWAY} lladdr {peer} nud permanent dev tap0
             route add default via {GATEWAY} dev tap0"
        ));
        let index = if_nametoindex("tap0").expect("it is there");
        let services = [US, local].map(|address| {
            let address = SocketAddrV6::new(address, PORT, 0, index);
            let service = UdpSocket::bind(address).expect("nobody has the port");
            service.set_nonblocking(true).expect("it can be");
            service
        });
        // The reports of its groups.
        kernel.passes(Duration::from_millis(40));
        test(&mut Linux { kernel, services })
    })
}

impl Linux<'_> {
    /// How long fragments wait for the others, from the next packet on.
    pub(super) fn set_reassembly_timeout(&self, seconds: u8) {
        set("ipv6/ip6frag_time", &seconds.to_string());
    }

    /// Forgets what was learnt of neighbours.
    pub(super) fn forget_neighbours(&self) {
        self.kernel.forget_neighbours();
    }

    /// Lets a frame arrive; gives what the kernel, and the service on it, sent then.
    pub(super) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let answers = self.kernel.hears(frame);
        self.served(answers)
    }

    /// Waits; gives what the kernel sent in the meantime.
    pub(super) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        let answers = self.kernel.passes(time);
        self.served(answers)
    }

    /// Echoes what has come to the service, and adds what is sent then.
    fn served(&mut self, mut answers: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let (mut buffer, mut served) = (vec![0; 1 << 16], false);
        for service in &self.services {
            while let Ok((length, client)) = service.recv_from(&mut buffer) {
                // Who cannot be sent to has no reply.
                let _ = service.send_to(&buffer[..length], client);
                served = true;
            }
        }
        if served {
            answers.extend(self.kernel.passes(Duration::ZERO));
        }
        answers
    }
}
