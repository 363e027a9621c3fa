//! Neighbour Discovery.

use lab::soak::frames::ipv6::{DESTINATION, SOURCE_MAC, TARGET_MAC};

use super::{headers, linux_speaks, message, packet, we_speak};
use crate::differential_linux::{
    departures::Departure,
    ipv6::{
        frames::{FAR, Packet, US},
        tower::our_link_local,
    },
};

const QUERY: u8 = 130;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

pub(super) fn departures() -> Vec<Departure> {
    vec![
        Departure {
            name: "a question to a group without a station",
            why: "RFC 4861 4.3: the option MUST be there, and 7.1.1 has no check for it. Linux answers nothing, and we ask for the \
                  station of who asks, as 7.2.4 says of questions to one host",
            parts: true,
            explains: |exchange| {
                let to_group = packet(exchange).is_some_and(|p| p.destination().is_multicast());
                let question = message(exchange, SOLICITATION);
                to_group
                    && question.is_some_and(|bytes| bytes.get(24..26) != Some(&[SOURCE_MAC, 1]))
                    && we_speak(exchange)
                    && exchange.ours.iter().all(|frame| is(frame, SOLICITATION))
            },
        },
        Departure {
            name: "a question of a host that is not on the link, without its station",
            why: "RFC 5942 4: who asks is not on the link for that. Linux looks for it there; we send the answer by the gateway, which has \
                  nothing to do with it, or not at all",
            parts: true,
            explains: |exchange| {
                packet(exchange).is_some_and(|packet| packet.source() == FAR)
                    && message(exchange, SOLICITATION).is_some()
                    && linux_speaks(exchange)
            },
        },
        Departure {
            name: "a question of our own address",
            why: "RFC 4862 5.4.3 has rules for it before an address is ours, and none afterwards. Linux answers; for us it came back from a \
                  loop, or is of a host that has our address too: it is counted",
            parts: true,
            explains: |exchange| {
                let source = packet(exchange).map(|packet| packet.source());
                source.is_some_and(|source| source == US || source == our_link_local())
                    && message(exchange, SOLICITATION).is_some()
                    && linux_speaks(exchange)
            },
        },
        Departure {
            name: "a station that is a group, or nobody",
            why: "RFC 4861 does not say what a link-layer address must be. Linux believes any; what we would send there might go to all",
            parts: true,
            explains: |exchange| {
                let odd = |mac: &[u8]| mac[0] & 1 == 1 || mac == [0; 6];
                let named = |frame: &Vec<u8>| named(frame).is_some_and(|mac| odd(&mac));
                exchange.heard.iter().any(named)
            },
        },
        Departure {
            name: "an advertisement of nobody",
            why: "RFC 4861 4.4: its source is an address of who sends it. 7.1.2 has no check for it, and Linux has none",
            parts: true,
            explains: |exchange| {
                exchange.heard.iter().any(|frame| {
                    is(frame, ADVERTISEMENT)
                        && Packet::of(frame).is_some_and(|packet| {
                            packet.source().is_unspecified() || packet.source().is_multicast()
                        })
                })
            },
        },
        Departure {
            name: "Neighbour Discovery behind options",
            why: "RFC 7113 3: headers before its messages serve to hide them from switches, and no host sends any. RFC 6980 forbids \
                  fragments alone; Linux takes options for the destination",
            parts: true,
            explains: |exchange| {
                let hidden = |frame: &Vec<u8>| {
                    let packet = Packet::of(frame)?;
                    let is_discovery =
                        packet.message().is_some_and(|kind| (133..=137).contains(&kind));
                    Some(is_discovery && packet.chain()[0].0 == DESTINATION)
                };
                exchange.heard.iter().filter_map(hidden).any(|hidden| hidden)
            },
        },
        Departure {
            name: "a query for sources that are not there",
            why: "RFC 9777 5.1: nothing is said of a query that names more sources than it has. We look at none, since we listen to all, and \
                  Linux drops it",
            parts: true,
            explains: |exchange| {
                let short = |bytes: &[u8]| {
                    let count = bytes.get(26..28)?;
                    let count = usize::from(u16::from_be_bytes([count[0], count[1]]));
                    Some(bytes.len() < 28 + 16 * count)
                };
                message(exchange, QUERY).and_then(short) == Some(true)
                    && exchange.theirs.is_empty()
                    && !headers(exchange).is_empty()
            },
        },
    ]
}

fn is(frame: &[u8], kind: u8) -> bool {
    Packet::of(frame).and_then(|packet| packet.message()) == Some(kind)
}

/// The station that a neighbour's message names.
fn named(frame: &[u8]) -> Option<[u8; 6]> {
    let packet = Packet::of(frame)?;
    let kind = packet.message()?;
    let option = packet.0.get(packet.upper().1 + 24..)?;
    let names = matches!(
        (kind, option.get(..2)?),
        (SOLICITATION, &[SOURCE_MAC, 1]) | (ADVERTISEMENT, &[TARGET_MAC, 1])
    );
    names.then(|| option.get(2..8)?.try_into().ok())?
}
