//! Rules for sending errors: when one may be sent, and how much of the packet it quotes.

use core::net::IpAddr;

use layer::{IPV6_MIN_MTU, Payload, is_unicast_ipv6};
use network::{Packet, Problem, Protocol};

use crate::{HEADER_LEN, MessageType};

/// The longest quote in bytes, so that an error is not longer than every link carries (RFC 4443 2.4 (c)).
const LONGEST_QUOTE: usize = IPV6_MIN_MTU - IPV6_HEADER_LEN - HEADER_LEN;

/// The length of an IPv6 header in bytes.
const IPV6_HEADER_LEN: usize = 40;

/// The quote in an error about `packet`: its headers and the beginning of its payload, as received. It is `None` if RFC 4443
/// 2.4 (e) forbids an error about the packet.
pub(crate) fn quote<'a>(packet: &Packet<'a>, problem: Problem) -> Option<impl Payload + use<'a>> {
    let IpAddr::V6(source) = packet.source else { return None };
    // An error about a group tells its members what path MTU there is, or that an option is unknown that must be known.
    let for_many = matches!(problem, Problem::TooBig(_) | Problem::UnknownOption(_));
    if (packet.broadcast && !for_many) || !is_unicast_ipv6(source) || is_error(packet) {
        return None;
    }
    let most = LONGEST_QUOTE.saturating_sub(packet.header.len());
    Some((packet.header, &packet.payload[..packet.payload.len().min(most)]))
}

/// How many headers that are where they must not be are skipped.
const MOST_HEADERS: usize = 8;

/// Whether the packet is an error itself, or a redirect, or may be one, because it ends before its type. The network hands up a
/// packet as far as it understands its headers; behind a header at a wrong place there may be others.
fn is_error(packet: &Packet<'_>) -> bool {
    let (mut protocol, mut payload) = (packet.protocol, packet.payload);
    for _ in 0..MOST_HEADERS {
        match protocol {
            // Hop-by-Hop options, routing, destination options (RFC 8200 4.3, 4.4, 4.6).
            Protocol(0 | 43 | 60) => {
                let [next, length, ..] = *payload else { return true };
                payload = payload.get(8 + 8 * usize::from(length)..).unwrap_or_default();
                protocol = Protocol(next);
            }
            Protocol::ICMPV6 => {
                return payload.first().is_none_or(|&first| {
                    MessageType(first).is_error() || MessageType(first) == MessageType::REDIRECT
                });
            }
            _ => return false,
        }
    }
    true
}
