//! Where Linux answers otherwise than we do, and why both may.

mod discovery;
mod fragments;
mod headers;
mod upper;

use lab::soak::frames::{UDP, ipv6::ICMPV6};

use super::frames::Packet;
use crate::differential_linux::{compare::Exchange, departures::Departure};

/// All of them.
pub(super) fn departures() -> &'static [Departure] {
    static ALL: std::sync::OnceLock<Vec<Departure>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        let parts = [
            headers::departures(),
            fragments::departures(),
            upper::departures(),
            discovery::departures(),
        ];
        parts.into_iter().flatten().collect()
    })
}

/// The packet that was answered.
fn packet<'a>(exchange: &'a Exchange<'_>) -> Option<Packet<'a>> {
    Packet::of(exchange.frame())
}

/// The headers of the packet that was answered, with their bytes.
fn headers<'a>(exchange: &'a Exchange<'_>) -> Vec<(u8, &'a [u8])> {
    let of = |packet: Packet<'a>| {
        let chain = packet.chain().into_iter();
        let bytes = |at: usize| packet.0.get(at..packet.end()).unwrap_or_default();
        chain.map(|(kind, at)| (kind, bytes(at))).collect()
    };
    packet(exchange).map(of).unwrap_or_default()
}

/// The types and codes of the errors in an answer, each with its pointer.
fn errors(frames: &[Vec<u8>]) -> Vec<(u8, u8, u32)> {
    let error = |packet: Packet<'_>| {
        let (protocol, at) = packet.upper();
        let &[kind, code, _, _, a, b, c, d] = packet.0.get(at..at + 8)? else { return None };
        let is_error = protocol == ICMPV6 && kind < 128;
        is_error.then(|| (kind, code, u32::from_be_bytes([a, b, c, d])))
    };
    frames.iter().filter_map(|frame| error(Packet::of(frame)?)).collect()
}

/// Whether Linux alone says anything.
fn linux_speaks(exchange: &Exchange<'_>) -> bool {
    exchange.ours.is_empty() && !exchange.theirs.is_empty()
}

/// Whether we alone say anything.
fn we_speak(exchange: &Exchange<'_>) -> bool {
    !exchange.ours.is_empty() && exchange.theirs.is_empty()
}

/// Whether the packet that was answered is a datagram of UDP that is one of these.
fn is_datagram(exchange: &Exchange<'_>, is: impl Fn(&Packet<'_>, &[u8]) -> bool) -> bool {
    packet(exchange).is_some_and(|packet| {
        let (protocol, at) = packet.upper();
        let bytes = packet.0.get(at..packet.end()).unwrap_or_default();
        protocol == UDP && bytes.len() >= 8 && is(&packet, bytes)
    })
}

/// The message of ICMPv6 that was answered, if it is of this type.
fn message<'a>(exchange: &'a Exchange<'_>, kind: u8) -> Option<&'a [u8]> {
    let packet = packet(exchange).filter(|packet| packet.message() == Some(kind))?;
    packet.0.get(packet.upper().1..packet.end())
}
