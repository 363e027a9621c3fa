//! Which cores a received frame concerns, and which frames a core may send.

use cores::{Spread, last_header};
use ethernet::EtherType;

/// The cores that a received frame concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The core that received it.
    Receiver,
    /// The first core: it is for the client of DHCP, which asks for all.
    First,
    /// Every core: what it says of the link, of neighbours, routers and addresses, each core must know.
    Everyone,
    /// One core, the same for all fragments of a datagram: fragments are not spread as whole packets are. The number is that of
    /// the core.
    Fragment(usize),
}

/// The numbers of UDP (RFC 768) and of ICMPv6 (RFC 4443 1).
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The messages of ICMPv6 that are about the link (RFC 4861 4, RFC 2710 3, RFC 9777 5).
mod message {
    pub(super) const LISTENER_QUERY: u8 = 130;
    pub(super) const NEIGHBOR_SOLICITATION: u8 = 135;
    pub(super) const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    pub(super) const REDIRECT: u8 = 137;
    pub(super) const LISTENER_REPORT_V2: u8 = 143;
}

/// The port of a client of DHCP (RFC 2131 4.1).
const DHCP_CLIENT: [u8; 2] = 68_u16.to_be_bytes();
/// How long the header of IPv6 is, in bytes.
const IPV6_HEADER: usize = 40;
/// How many bytes of a packet say whether it may leave: a packet of ARP; the header of IPv6, a Hop-by-Hop header with the
/// Router Alert, and ICMPv6 up to the end of the target address.
pub(crate) const LOOKED_AT: usize = IPV6_HEADER + 8 + 24;

/// The cores that a frame concerns, by what it carries. A frame that is not understood concerns its receiver, which counts
/// it.
pub fn concern(spread: &Spread, ethertype: EtherType, payload: &[u8]) -> Concern {
    match ethertype {
        EtherType::ARP => Concern::Everyone,
        EtherType::IPV4 if is_for_dhcp_client(payload) => Concern::First,
        EtherType::IPV6 if is_about_link(payload) => Concern::Everyone,
        _ => spread
            .core_of_fragment(ethertype.0, payload)
            .map_or(Concern::Receiver, Concern::Fragment),
    }
}

/// Whether a packet of IPv4 (RFC 791 3.1), which is no fragment, is for a client of DHCP.
fn is_for_dhcp_client(packet: &[u8]) -> bool {
    let Some((header, _)) = packet.split_first_chunk::<20>() else { return false };
    let [first, _, _, _, _, _, flags, offset, _, protocol, ..] = *header;
    let ports = usize::from(first & 0xf) * 4;
    // Neither More Fragments nor an offset.
    flags & 0x3f == 0
        && offset == 0
        && protocol == UDP
        && packet.get(ports + 2..ports + 4).is_some_and(|port| port == DHCP_CLIENT)
}

/// Whether a packet of IPv6 is a message of ICMPv6 about the link.
fn is_about_link(packet: &[u8]) -> bool {
    matches!(last_header(packet), Some((ICMPV6, at))
        if packet.get(at).is_some_and(|kind| is_of_link(*kind)))
}

fn is_of_link(kind: u8) -> bool {
    matches!(kind, message::LISTENER_QUERY..=message::REDIRECT | message::LISTENER_REPORT_V2)
}

/// Why a core sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// It is the first core, which says for all what must be said once.
    pub is_first: bool,
    /// The last frame that was handed up was copied from another core, which answers it.
    pub is_copied: bool,
}

/// Whether a frame leaves. `beginning` is the beginning of its payload: 72 bytes, or all of a shorter one.
///
/// Every core answers what it received itself, and asks for the neighbours that it needs. What nobody asked for is said by the
/// first core alone: probes and announcements of ARP (RFC 5227 2), the detection of duplicate addresses (RFC 4862 5.4),
/// unsolicited advertisements, router solicitations, and reports of groups.
pub fn may_leave(origin: Origin, ethertype: EtherType, beginning: &[u8]) -> bool {
    match kind_of(ethertype, beginning) {
        Some(Kind::Answer) => !origin.is_copied,
        Some(Kind::Unasked) => origin.is_first,
        Some(Kind::Question) | None => true,
    }
}

/// What a message about the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Question,
    Answer,
    Unasked,
}

fn kind_of(ethertype: EtherType, packet: &[u8]) -> Option<Kind> {
    match ethertype {
        EtherType::ARP => kind_of_arp(packet),
        EtherType::IPV6 => kind_of_ipv6(packet),
        _ => None,
    }
}

/// ARP for IPv4 over Ethernet (RFC 826): the operation at 6, the sender's address at 14, the target's at 24.
fn kind_of_arp(packet: &[u8]) -> Option<Kind> {
    const REPLY: [u8; 2] = [0, 2];
    let (sender, target) = (packet.get(14..18)?, packet.get(24..28)?);
    Some(match packet.get(6..8)? {
        operation if operation == REPLY => Kind::Answer,
        // A probe has no sender, an announcement asks for its own.
        _ if sender == [0; 4] || sender == target => Kind::Unasked,
        _ => Kind::Question,
    })
}

fn kind_of_ipv6(packet: &[u8]) -> Option<Kind> {
    /// The flag of an advertisement that answers (RFC 4861 4.4).
    const SOLICITED: u8 = 0x40;
    let (ICMPV6, at) = last_header(packet)? else { return None };
    let body = packet.get(at..)?;
    Some(match *body.first()? {
        message::NEIGHBOR_SOLICITATION if packet[8..24] != [0; 16] => Kind::Question,
        message::NEIGHBOR_ADVERTISEMENT if body.get(4)? & SOLICITED != 0 => Kind::Answer,
        // To all nodes, of an address that was asked for from the unspecified address: an answer as well (RFC 4861 7.2.4).
        // Whoever says it unasked says it as first.
        kind if is_of_link(kind) => Kind::Unasked,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, vec, vec::Vec};

    use super::*;

    const HOP_BY_HOP: u8 = 0;
    const FRAGMENT: u8 = 44;
    const DESTINATION: u8 = 60;

    fn of(ethertype: EtherType, packet: &[u8]) -> Concern {
        concern(&Spread::new(7, 64), ethertype, packet)
    }

    fn ipv4_packet(id: u16, flags_offset: u16, protocol: u8) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 28];
        packet.extend(id.to_be_bytes());
        packet.extend(flags_offset.to_be_bytes());
        packet.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend([0; 8]);
        packet
    }

    /// A packet of IPv6 from `from` with these headers, the first of which has the number `next`.
    fn ipv6_packet(from: [u8; 16], next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, rest.len() as u8, next, 255];
        packet.extend(from);
        packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        packet.extend(rest);
        packet
    }

    const SOMEBODY: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    #[test]
    fn what_is_not_a_fragment_is_for_its_receiver() {
        for packet in [ipv4_packet(1, 0, 17), ipv4_packet(1, 0x4000, 6), ipv4_packet(9, 0, 1)] {
            assert_eq!(of(EtherType::IPV4, &packet), Concern::Receiver);
        }
        // What is cut, or of no kind that is known.
        for length in 0..20 {
            assert_eq!(
                of(EtherType::IPV4, &ipv4_packet(1, 0x2000, 17)[..length]),
                Concern::Receiver
            );
        }
        assert_eq!(of(EtherType(0x88cc), &[0; 60]), Concern::Receiver);
        for next in [6, 17, 59, 255] {
            assert_eq!(
                of(EtherType::IPV6, &ipv6_packet(SOMEBODY, next, &[130; 8])),
                Concern::Receiver
            );
        }
        for length in 0..48 {
            let packet = ipv6_packet(SOMEBODY, FRAGMENT, &[17, 0, 0, 1, 0, 0, 0, 9]);
            let packet = &packet[..length];
            assert_eq!(of(EtherType::IPV6, packet), Concern::Receiver, "{length}");
        }
    }

    #[test]
    fn what_is_for_the_client_of_dhcp_is_for_the_first_core() {
        let mut packet = ipv4_packet(1, 0, 17);
        packet[20..24].copy_from_slice(&[0, 67, 0, 68]);
        assert_eq!(of(EtherType::IPV4, &packet), Concern::First);
        // Behind options; a cut one; to the server; of TCP.
        packet[0] = 0x46;
        assert_eq!(of(EtherType::IPV4, &packet), Concern::Receiver);
        packet.splice(20..20, [1; 4]);
        assert_eq!(of(EtherType::IPV4, &packet), Concern::First);
        assert_eq!(of(EtherType::IPV4, &packet[..27]), Concern::Receiver);
        packet[27] = 67;
        assert_eq!(of(EtherType::IPV4, &packet), Concern::Receiver);
        (packet[27], packet[9]) = (68, 6);
        assert_eq!(of(EtherType::IPV4, &packet), Concern::Receiver);
    }

    #[test]
    fn the_fragments_of_a_datagram_have_one_owner_and_datagrams_have_many() {
        let first = |id, protocol| of(EtherType::IPV4, &ipv4_packet(id, 0x2000, protocol));
        assert!(matches!(first(1, 17), Concern::Fragment(_)));
        assert_eq!(first(1, 17), of(EtherType::IPV4, &ipv4_packet(1, 0x20b9, 17)));
        assert_eq!(first(1, 17), of(EtherType::IPV4, &ipv4_packet(1, 0x0172, 17)));
        let owner = |concern| match concern {
            Concern::Fragment(core) => core,
            _ => unreachable!(),
        };
        let owners: BTreeSet<usize> = (0..64).map(|id| owner(first(id, 17))).collect();
        assert!(owners.len() > 30, "{owners:?}");
        assert_ne!(first(1, 17), first(1, 1));

        let fragment = |id: u8, offset: u8| {
            ipv6_packet(SOMEBODY, FRAGMENT, &[17, 0, offset, 1, 0, 0, 0, id, 1, 2, 3, 4])
        };
        let of_id = |id, offset| of(EtherType::IPV6, &fragment(id, offset));
        assert!(matches!(of_id(1, 0), Concern::Fragment(_)));
        assert_eq!(of_id(1, 0), of_id(1, 5));
        let owners: BTreeSet<usize> = (0..64).map(|id| owner(of_id(id, 0))).collect();
        assert!(owners.len() > 30, "{owners:?}");
        // Behind a Destination Options header, too.
        let behind = [FRAGMENT, 0, 1, 4, 0, 0, 0, 0, 17, 0, 5, 1, 0, 0, 0, 1];
        let packet = ipv6_packet(SOMEBODY, DESTINATION, &behind);
        assert_eq!(of(EtherType::IPV6, &packet), of_id(1, 0));
    }

    #[test]
    fn what_is_said_of_the_link_is_for_everyone() {
        assert_eq!(of(EtherType::ARP, &[]), Concern::Everyone);
        for kind in (130..=137).chain([143]) {
            let message = [kind, 0, 0, 0, 0, 0, 0, 0];
            let packet = ipv6_packet(SOMEBODY, ICMPV6, &message);
            assert_eq!(of(EtherType::IPV6, &packet), Concern::Everyone, "{kind}");
            // Behind a Hop-by-Hop Options header with the Router Alert (RFC 2711).
            let alert = [[ICMPV6, 0, 5, 2, 0, 0, 1, 0], message].concat();
            let packet = ipv6_packet(SOMEBODY, HOP_BY_HOP, &alert);
            assert_eq!(of(EtherType::IPV6, &packet), Concern::Everyone, "{kind}");
        }
        // Echo and errors go by the flow.
        for kind in [1, 2, 128, 129] {
            let packet = ipv6_packet(SOMEBODY, ICMPV6, &[kind, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(of(EtherType::IPV6, &packet), Concern::Receiver, "{kind}");
        }
    }

    #[test]
    fn a_chain_without_end_is_for_its_receiver() {
        let mut chain = Vec::new();
        for _ in 0..8 {
            chain.extend([DESTINATION, 0, 1, 4, 0, 0, 0, 0]);
        }
        chain.extend([ICMPV6, 0, 0, 0, 135]);
        let packet = ipv6_packet(SOMEBODY, DESTINATION, &chain);
        assert_eq!(of(EtherType::IPV6, &packet), Concern::Receiver);
    }

    fn arp(operation: u8, sender: u8, target: u8) -> Vec<u8> {
        let address = |last: u8| if last == 0 { [0; 4] } else { [10, 0, 0, last] };
        let mut packet = vec![0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1];
        packet.extend(address(sender));
        packet.extend([0; 6]);
        packet.extend(address(target));
        packet
    }

    #[test]
    fn each_core_asks_and_answers_and_the_first_says_what_is_unasked() {
        let unspecified = [0; 16];
        let ndp = |from, kind, flags| {
            let mut message = vec![kind, 0, 0, 0, flags, 0, 0, 0];
            message.extend(SOMEBODY);
            (EtherType::IPV6, ipv6_packet(from, ICMPV6, &message))
        };
        let report = {
            let alert = [ICMPV6, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 1];
            (EtherType::IPV6, ipv6_packet(SOMEBODY, HOP_BY_HOP, &alert))
        };
        let questions = [(EtherType::ARP, arp(1, 2, 1)), ndp(SOMEBODY, 135, 0)];
        let answers = [(EtherType::ARP, arp(2, 2, 1)), ndp(SOMEBODY, 136, 0x60)];
        // A probe and an announcement; the detection of a duplicate; an advertisement to all; a router solicitation; a report.
        let unasked = [
            (EtherType::ARP, arp(1, 0, 2)),
            (EtherType::ARP, arp(1, 2, 2)),
            ndp(unspecified, 135, 0),
            ndp(SOMEBODY, 136, 0x20),
            ndp(SOMEBODY, 133, 0),
            report,
        ];
        let others = [
            (EtherType::IPV4, ipv4_packet(1, 0, 17)),
            (EtherType::IPV6, ipv6_packet(SOMEBODY, 17, &[0; 8])),
            (EtherType::ARP, vec![0; 9]),
            (EtherType::IPV6, vec![]),
        ];
        for (is_first, is_copied) in [(true, true), (true, false), (false, true), (false, false)] {
            let leaves = |(ethertype, packet): &(EtherType, Vec<u8>)| {
                let beginning = &packet[..LOOKED_AT.min(packet.len())];
                may_leave(Origin { is_first, is_copied }, *ethertype, beginning)
            };
            assert!(questions.iter().chain(&others).all(leaves));
            assert!(answers.iter().all(|answer| leaves(answer) != is_copied));
            assert!(unasked.iter().all(|unasked| leaves(unasked) == is_first));
        }
    }
}
