//! Extension headers and addresses.

use lab::soak::frames::ipv6::{DESTINATION, HOP_BY_HOP, ICMPV6, ROUTING};

use super::{errors, headers, linux_speaks, packet, we_speak};
use crate::differential_linux::departures::Departure;

/// The most headers in a packet that we follow (RFC 8504 5.3).
const MOST_HEADERS: usize = 8;

pub(super) fn departures() -> Vec<Departure> {
    vec![
        Departure {
            name: "more headers than anybody sends",
            why: "RFC 8504 5.3 lets a host limit them, and we follow 8. Linux follows any number",
            parts: false,
            explains: |exchange| {
                let chain = headers(exchange);
                chain.len() > MOST_HEADERS && linux_speaks(exchange)
            },
        },
        Departure {
            name: "an option that does not fit into its header",
            why: "RFC 4443 3.4: who finds a problem in a header SHOULD say where. Linux drops these in silence",
            parts: false,
            explains: |exchange| {
                let unfit = |(kind, bytes): &(u8, &[u8])| {
                    let is_options = matches!(*kind, HOP_BY_HOP | DESTINATION);
                    is_options && !options(bytes).1
                };
                headers(exchange).iter().any(unfit)
                    && matches!(errors(&exchange.ours)[..], [(4, 0, _)])
                    && exchange.theirs.is_empty()
            },
        },
        Departure {
            name: "options hop by hop that Linux reads",
            why: "RFC 8200 4.2: what a host does not know of it skips, as the bits of the option say. Linux knows router alert \
                  (RFC 2711) and labels (RFC 5570), and drops those that are wrong, or that it was told nothing of",
            parts: false,
            explains: |exchange| {
                let known = |(kind, bytes): &(u8, &[u8])| {
                    let is_odd = matches!(bytes.get(2..4), Some(&[5, length]) if length != 2);
                    *kind == HOP_BY_HOP && (is_odd || options(bytes).0.contains(&7))
                };
                headers(exchange).iter().any(known) && we_speak(exchange)
            },
        },
        Departure {
            name: "padding that is not 0",
            why: "RFC 8200 4.2: it is 0 where it is sent; nothing is said of who receives another. Linux drops the packet",
            parts: false,
            explains: |exchange| {
                let marked = |(kind, bytes): &(u8, &[u8])| {
                    matches!(*kind, HOP_BY_HOP | DESTINATION)
                        && bytes.get(2..4) == Some(&[1, 4])
                        && bytes.get(4..8).is_some_and(|data| data != [0; 4])
                };
                headers(exchange).iter().any(marked) && we_speak(exchange)
            },
        },
        Departure {
            name: "a jumbo payload",
            why: "RFC 2675 3: a node that has it says what is wrong with it (code 0). We have it not, so that it is an unknown option \
                  (RFC 8200 4.2), which has code 2",
            parts: false,
            explains: |exchange| {
                let jumbo = |(kind, bytes): &(u8, &[u8])| {
                    *kind == HOP_BY_HOP && options(bytes).0.contains(&0xc2)
                };
                headers(exchange).iter().any(jumbo)
                    && matches!(errors(&exchange.ours)[..], [(4, 2, 42)])
                    && matches!(errors(&exchange.theirs)[..], [(4, 0, _)] | [])
            },
        },
        Departure {
            name: "routes of RPL and of segments",
            why: "RFC 8200 4.4: an unknown type is skipped or is an error, by its segments left. Linux knows types 3 (RFC 6554) \
                  and 4 (RFC 8754), and drops them where it was not told to take them",
            parts: false,
            explains: |exchange| {
                let known = |(kind, bytes): &(u8, &[u8])| {
                    *kind == ROUTING && bytes.get(2).is_some_and(|kind| matches!(kind, 3 | 4))
                };
                headers(exchange).iter().any(known) && we_speak(exchange)
            },
        },
        Departure {
            name: "an error about a redirect",
            why: "RFC 4443 2.4 (e.2): there is none. Linux forgets it behind a header with options",
            parts: false,
            explains: |exchange| {
                let chain = headers(exchange);
                let is_redirect =
                    |&(kind, bytes): &(u8, &[u8])| kind == ICMPV6 && bytes.first() == Some(&137);
                chain.len() > 1 && chain.iter().any(is_redirect) && linux_speaks(exchange)
            },
        },
        Departure {
            name: "a source that no host has",
            why: "RFC 4291 2.5.2, 2.5.5.2: `::` is nobody's, and ::ffff/96 is for programs, not for packets (RFC 6890 2.2.3). \
                  Linux answers both",
            parts: false,
            explains: |exchange| {
                let source = packet(exchange).map(|packet| packet.source());
                source.is_some_and(|source| {
                    source.is_unspecified() || source.to_ipv4_mapped().is_some()
                }) && linux_speaks(exchange)
            },
        },
    ]
}

/// The types of the options of a header, and whether each lies within it.
fn options(header: &[u8]) -> (Vec<u8>, bool) {
    let Some(&[_, units]) = header.get(..2) else { return (Vec::new(), false) };
    let Some(mut rest) = header.get(2..8 * (usize::from(units) + 1)) else {
        return (Vec::new(), false);
    };
    let mut kinds = Vec::new();
    while let [kind, after @ ..] = rest {
        kinds.push(*kind);
        rest = match (kind, after) {
            (0, _) => after,
            (_, [length, data @ ..]) if usize::from(*length) <= data.len() => {
                &data[usize::from(*length)..]
            }
            _ => return (kinds, false),
        };
    }
    (kinds, true)
}
