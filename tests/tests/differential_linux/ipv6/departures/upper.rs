//! UDP, and the MTU of a path.

use super::{is_datagram, linux_speaks};
use crate::differential_linux::{departures::Departure, frames::PORT, ipv6::frames::Packet};

pub(super) fn departures() -> Vec<Departure> {
    vec![
        Departure {
            name: "a datagram of length 0",
            why: "RFC 768: the least length is 8. 0 is for jumbo payloads (RFC 2675 4), which we do not have, and Linux takes it for the \
                  length of the packet everywhere",
            parts: false,
            explains: |exchange| {
                is_datagram(exchange, |_, bytes| bytes[4..6] == [0, 0]) && linux_speaks(exchange)
            },
        },
        Departure {
            name: "a request from a port of a service",
            why: "RFC 6335 6: nothing forbids a service to leave out those that do not come from a client's port. Linux has no such rule; \
                  we do not give them to a service that has not asked for them, since what answers them might be answered for ever",
            parts: false,
            explains: |exchange| {
                is_datagram(exchange, |_, bytes| bytes[..2] == PORT.to_be_bytes())
                    && linux_speaks(exchange)
            },
        },
        Departure {
            name: "a request without a hop for a reply",
            why: "RFC 8200 3: a host does not drop it, and ours is given to the service. Each of our replies has less than its request, so \
                  that there is none",
            parts: false,
            explains: |exchange| {
                is_datagram(exchange, |packet, _| packet.0[7] <= 1) && linux_speaks(exchange)
            },
        },
        Departure {
            name: "a path of what fits",
            why: "RFC 8201 4: a router says so of a packet that is longer than its next link takes. Linux does not look how long it was",
            parts: true,
            explains: |exchange| {
                let says = |frame: &Vec<u8>| {
                    let packet = Packet::of(frame)?;
                    let at = packet.upper().1;
                    let mtu = packet.0.get(at + 4..at + 8)?;
                    let mtu = u32::from_be_bytes([mtu[0], mtu[1], mtu[2], mtu[3]]);
                    let length = packet.0.get(at + 12..at + 14)?;
                    let length = 40 + u32::from(u16::from_be_bytes([length[0], length[1]]));
                    (packet.message() == Some(2)).then_some(length <= mtu)
                };
                exchange.heard.iter().filter_map(says).any(|fits| fits)
            },
        },
    ]
}
