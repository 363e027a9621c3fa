//! The chain of extension headers of a packet (RFC 8200 4), as a value: what is to be done with a packet, from its bytes.
//!
//! The work for a packet is bounded: at most [`MAX_HEADERS`] headers, and in each the few options that
//! [`options`](crate::options) allows. RFC 8504 5.3 lets a host set such limits.

use network::{Problem, Protocol};
use zerocopy::FromBytes;

use crate::{
    fragment::{FRAGMENT, FRAGMENT_HEADER_LEN, FragmentHeader},
    options::{self, Verdict},
    wire::HEADER_LEN,
};

/// How many extension headers a packet may have. A packet with more is dropped. RFC 8200 4.1 recommends at most seven: one of each
/// kind, and a second one of destination options.
pub const MAX_HEADERS: usize = 8;

/// Where the IPv6 header says what follows it.
const FIRST_NEXT: usize = 6;

const HOP_BY_HOP: Protocol = Protocol(0);
const ROUTING: Protocol = Protocol(43);
const AUTHENTICATION: Protocol = Protocol(51);
const NO_NEXT: Protocol = Protocol(59);
const DESTINATION: Protocol = Protocol(60);

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It carries `protocol` from byte `end` on.
    Upper { end: usize, protocol: Protocol },
    /// It is a fragment of a packet, whose Fragment header is at byte `at`. The byte `named_at` names it.
    Fragment { at: usize, named_at: usize },
    /// It is dropped, and nobody is told.
    Dropped(Reason),
    /// It is dropped, and its sender is told. `end` is where the header begins that could not be processed, and `protocol` is the
    /// number of that header.
    Rejected { end: usize, protocol: Protocol, problem: Problem },
}

/// Why a packet is dropped and nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// An extension header is longer than the rest of the packet.
    TooShort,
    /// There are too many headers, options or bytes of padding.
    TooMany,
    /// An option that the host does not know says so (RFC 8200 4.2).
    Option,
    /// There is nothing after the headers (RFC 8200 4.7).
    NoNext,
    /// A fragment inside of a fragment.
    Nested,
}

/// Whether what a packet carries follows its IPv6 header, which names `next`: there are no extension headers, and
/// [`follow`] would find just that.
#[inline]
pub(crate) fn is_upper(next: Protocol) -> bool {
    !matches!(next, HOP_BY_HOP | DESTINATION | ROUTING | FRAGMENT | NO_NEXT)
}

/// Follows the chain of `packet`, which begins with an IPv6 header and has no padding. `to_group`: it was sent to a multicast
/// group. `reassembled`: it was put together of fragments, so that it cannot be a fragment.
pub(crate) fn follow(packet: &[u8], to_group: bool, reassembled: bool) -> Outcome {
    let (mut named_at, mut at) = (FIRST_NEXT, HEADER_LEN);
    let mut was_fragment = reassembled;
    for count in 0..=MAX_HEADERS {
        let next = packet.get(named_at).map_or(NO_NEXT, |&next| Protocol(next));
        let reject = |problem| Outcome::Rejected { end: at, protocol: next, problem };
        match next {
            HOP_BY_HOP if named_at != FIRST_NEXT => {
                return reject(Problem::ProtocolUnreachable);
            }
            HOP_BY_HOP | DESTINATION | ROUTING | FRAGMENT if count == MAX_HEADERS => break,
            HOP_BY_HOP | DESTINATION | ROUTING | FRAGMENT => {}
            NO_NEXT => return Outcome::Dropped(Reason::NoNext),
            protocol => return Outcome::Upper { end: at, protocol },
        }
        let Some(end) = end_of(packet, next, at) else {
            return Outcome::Dropped(Reason::TooShort);
        };
        match next {
            // Segments left, and the type (RFC 8200 4.4). No type is known here: type 0 is dead (RFC 5095).
            ROUTING if packet[at + 3] != 0 => {
                return reject(Problem::Parameter(at as u32 + 2));
            }
            ROUTING => {}
            FRAGMENT => {
                let is_atomic = FragmentHeader::ref_from_prefix(&packet[at..])
                    .is_ok_and(|(header, _)| header.is_atomic());
                match (is_atomic, was_fragment) {
                    (true, _) => was_fragment = true,
                    (false, true) => return Outcome::Dropped(Reason::Nested),
                    (false, false) => return Outcome::Fragment { at, named_at },
                }
            }
            _ => match options::check(packet, at + 2, end, to_group) {
                Verdict::Fine => {}
                Verdict::Drop => return Outcome::Dropped(Reason::Option),
                Verdict::TooMany => return Outcome::Dropped(Reason::TooMany),
                Verdict::Reject(problem) => return reject(problem),
            },
        }
        (named_at, at) = (at, end);
    }
    Outcome::Dropped(Reason::TooMany)
}

/// Where the chain ends that goes on at byte `at` of `packet` with a header of the number `next`, and what follows there. Nothing
/// but lengths is looked at. It is `None` if the packet ends before its chain does (RFC 7112), the header of UDP or TCP included,
/// or if the chain is too long.
pub(crate) fn end(packet: &[u8], next: Protocol, at: usize) -> Option<(usize, Protocol)> {
    let (mut next, mut at) = (next, at);
    for _ in 0..=MAX_HEADERS {
        let needed = match next {
            HOP_BY_HOP | DESTINATION | ROUTING | FRAGMENT | AUTHENTICATION => {
                let end = end_of(packet, next, at)?;
                (next, at) = (Protocol(packet[at]), end);
                continue;
            }
            // Without options (RFC 9293 3.1).
            Protocol::TCP => 20,
            Protocol::UDP => 8,
            // The part that all messages have (RFC 4443 2.1).
            Protocol::ICMPV6 => 4,
            _ => 0,
        };
        return (packet.len() >= at + needed).then_some((at, next));
    }
    None
}

/// Where the extension header at byte `at` ends, or `None` if it is longer than the packet. All but two have their length at the
/// same place, in units of 8 bytes, without the first unit (RFC 8200 4.3, 4.4, 4.6).
fn end_of(packet: &[u8], number: Protocol, at: usize) -> Option<usize> {
    let &[_, length, ..] = packet.get(at..)? else { return None };
    let length = match number {
        FRAGMENT => FRAGMENT_HEADER_LEN,
        AUTHENTICATION => (usize::from(length) + 2) * 4,
        _ => (usize::from(length) + 1) * 8,
    };
    (at + length <= packet.len()).then_some(at + length)
}

#[cfg(test)]
mod tests;
