//! Fragments.

use lab::soak::frames::ipv6::{FRAGMENT, HEADER};

use super::{errors, headers, linux_speaks, packet};
use crate::differential_linux::{departures::Departure, ipv6::frames::Packet};

pub(super) fn departures() -> Vec<Departure> {
    vec![
        Departure {
            name: "a fragment in others",
            why: "RFC 5722 4, RFC 8200 4.5: a packet with overlapping fragments is dropped, those included that still come, but for \
                  exact duplicates. Linux lets a fragment pass of which it has all, and begins anew with those that still come",
            parts: true,
            explains: |exchange| has_overlap(exchange.heard) && linux_speaks(exchange),
        },
        Departure {
            name: "a first fragment without its headers, and of a wrong length",
            why: "RFC 8200 4.5: both are errors, and nothing says which of them is told. Ours is the length, that of Linux the headers",
            parts: false,
            explains: |exchange| {
                errors(&exchange.ours) == [(4, 0, 4)] && errors(&exchange.theirs) == [(4, 3, 0)]
            },
        },
        Departure {
            name: "a piece of a Fragment header",
            why: "RFC 4443 3.4: a problem in a header SHOULD be told, with a pointer to it. Of a header that is not there Linux points to \
                  where it would be; we drop it in silence, as both do with other headers that are cut off",
            parts: false,
            explains: |exchange| {
                let Some(packet) = packet(exchange) else { return false };
                packet.0[6] == FRAGMENT && packet.end() < HEADER + 8 && linux_speaks(exchange)
            },
        },
        Departure {
            name: "a Fragment header behind another",
            why: "RFC 8200 4: headers are processed in any order, any number of times, and an atomic fragment is a packet of its own \
                  (RFC 6946 4). Linux takes a second one for an error. A part of a packet in another is dropped by both, and told by Linux",
            parts: false,
            explains: |exchange| {
                let chain = headers(exchange);
                let fragments = chain.iter().filter(|(kind, _)| *kind == FRAGMENT).count();
                fragments > 1 && matches!(errors(&exchange.theirs)[..], [(4, 0, 48)])
            },
        },
    ]
}

/// Whether two fragments of the last one's packet overlap that are not the same bytes at the same place.
fn has_overlap(heard: &[Vec<u8>]) -> bool {
    let parts: Vec<_> = heard.iter().filter_map(|frame| Part::of(frame)).collect();
    let Some(last) = parts.last() else { return false };
    let same: Vec<_> = parts.iter().filter(|part| part.number == last.number).collect();
    let overlap = |one: &Part<'_>, other: &Part<'_>| {
        let end = |part: &Part<'_>| part.offset + part.bytes.len();
        let is_same = (one.offset, one.more, one.bytes) == (other.offset, other.more, other.bytes);
        one.offset < end(other) && other.offset < end(one) && !is_same
    };
    same.iter().enumerate().any(|(at, one)| same[..at].iter().any(|other| overlap(one, other)))
}

struct Part<'a> {
    number: &'a [u8],
    offset: usize,
    more: bool,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    fn of(frame: &'a [u8]) -> Option<Self> {
        let packet = Packet::of(frame)?;
        let at = packet.fragment()?;
        let place = u16::from_be_bytes([packet.0[at + 2], packet.0[at + 3]]);
        Some(Self {
            number: &packet.0[at + 4..at + 8],
            offset: usize::from(place & !7),
            more: place & 1 == 1,
            bytes: packet.0.get(at + 8..packet.end())?,
        })
    }
}
