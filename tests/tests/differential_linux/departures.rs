//! Where Linux answers otherwise than we do, and why both may.

use std::net::Ipv4Addr;

use super::{
    compare::Exchange,
    fragments::Pieces,
    frames::{ALL, ARP, IP, OUR_MAC, Packet, US, ethertype, icmp_type},
};

/// An answer that is another one.
pub(crate) struct Departure {
    /// What it is.
    pub(crate) name: &'static str,
    /// Which RFC leaves the choice, or where Linux leaves the RFCs.
    pub(crate) why: &'static str,
    /// Whether the two hosts are in different states afterwards.
    pub(crate) parts: bool,
    /// Whether a difference is this one.
    pub(crate) explains: fn(&Exchange<'_>) -> bool,
}

pub(crate) const DEPARTURES: &[Departure] = &[
    Departure {
        name: "somebody else has our address",
        why: "RFC 5227 2.4 (c): a host that keeps its address announces it. Linux has no part of RFC 5227",
        parts: false,
        explains: |exchange| {
            let arp = Arp::of(exchange.frame());
            arp.is_some_and(|arp| arp.sender == US)
                && exchange.ours.len() == 1
                && Arp::of(&exchange.ours[0])
                    .is_some_and(|arp| (arp.sender, arp.target) == (US, US))
                && exchange.theirs.is_empty()
        },
    },
    Departure {
        name: "ARP of who is not the station that it says",
        why: "RFC 826 does not compare the sender with the station that sent the frame, nor with groups. Linux \
              answers, and learns; we believe no station that speaks for another",
        parts: true,
        explains: |exchange| {
            let odd = |arp: Arp| {
                arp.mac[0] & 1 == 1 || arp.mac == OUR_MAC || arp.mac != exchange.frame()[6..12]
            };
            Arp::of(exchange.frame()).is_some_and(odd) && exchange.ours.is_empty()
        },
    },
    Departure {
        name: "ARP of an address that no host has",
        why: "RFC 1122 3.2.1.3 (a), (b): 0/8 is nobody's, nor is the address of a network. Linux answers both",
        parts: true,
        explains: |exchange| {
            Arp::of(exchange.frame()).is_some_and(|arp| is_nobody(arp.sender))
                && exchange.ours.is_empty()
        },
    },
    Departure {
        name: "ARP that speaks to others",
        why: "RFC 826 takes what any packet says of a sender that is known. Linux does even where it has asked for \
              the sender, and we believe an answer to us, or a question",
        parts: true,
        explains: |exchange| {
            let frame = exchange.frame();
            let sender = Arp::of(frame).map(|arp| arp.sender);
            let to_sender =
                |frame: &Vec<u8>| Packet::of(frame).map(|packet| packet.destination()) == sender;
            sender.is_some()
                && exchange.ours.is_empty()
                && !exchange.theirs.is_empty()
                && exchange.theirs.iter().all(to_sender)
        },
    },
    Departure {
        name: "a neighbour that moves, and does not ask us",
        why: "RFC 826 takes what any packet says of a sender that is known. Linux does; we ask the station that we \
              know first, since anybody could redirect what we send",
        parts: true,
        explains: |exchange| {
            let spoke = |mac: &[u8]| {
                let mut arp = exchange.heard.iter().filter_map(|frame| Arp::of(frame));
                arp.any(|arp| arp.mac == mac)
            };
            let pairs = || exchange.ours.iter().zip(&exchange.theirs);
            exchange.ours.len() == exchange.theirs.len()
                && pairs().all(|(ours, theirs)| ours[6..] == theirs[6..] && spoke(&theirs[..6]))
        },
    },
    Departure {
        name: "a frame for a group that nobody joined",
        why: "RFC 1112 6.4: what the interface lets through beyond the groups that were joined is for the host to \
              drop. A TAP device lets all through, and Linux looks at the groups of IP alone",
        parts: true,
        explains: |exchange| {
            let group = exchange.frame()[0] & 1 == 1;
            let joined = exchange
                .frame()
                .get(..6)
                .is_some_and(|mac| *mac == ALL || *mac == [1, 0, 0x5e, 0, 0, 1]);
            group && !joined && exchange.ours.is_empty()
        },
    },
    Departure {
        name: "ARP with the hardware type of IEEE 802",
        why: "RFC 826 leaves a packet alone of which the hardware type is another. Linux takes that of IEEE 802 \
              (6, RFC 1390) for Ethernet's",
        parts: true,
        explains: |exchange| {
            let frame = exchange.frame();
            ethertype(frame) == Some(ARP)
                && frame.get(IP..IP + 2) == Some(&[0, 6])
                && exchange.ours.is_empty()
        },
    },
    Departure {
        name: "a frame from a group, or from ourselves",
        why: "IEEE 802.3 3.2.3: a source address is that of one station. Linux does not look",
        parts: true,
        explains: |exchange| {
            let source = exchange.frame().get(6..12);
            source.is_some_and(|mac| mac[0] & 1 == 1 || *mac == OUR_MAC) && exchange.ours.is_empty()
        },
    },
    Departure {
        name: "a priority tag",
        why: "IEEE 802.1Q is not one of the standards of docs/conformance.md. Linux takes a tag without a VLAN off",
        parts: true,
        explains: |exchange| {
            ethertype(exchange.frame()) == Some(0x8100) && exchange.ours.is_empty()
        },
    },
    Departure {
        name: "IEEE 802 frames",
        why: "RFC 1122 2.3.3: a host SHOULD receive RFC 1042 frames. Linux does not, for IPv4",
        parts: true,
        explains: |exchange| {
            ethertype(exchange.frame()).is_some_and(|length| length < 0x0600)
                && exchange.theirs.is_empty()
        },
    },
    Departure {
        name: "a source that no host has",
        why: "RFC 1122 3.2.1.3 (b), RFC 6890 2.2.2: 0/8, 240/4 and the address of a network are no hosts'. Linux \
              takes them for hosts, to make use of them",
        parts: true,
        explains: |exchange| {
            let source = Packet::of(exchange.frame()).map(|packet| packet.source());
            source.is_some_and(|source| is_nobody(source) || source.octets()[0] >= 240)
                && exchange.ours.is_empty()
        },
    },
    Departure {
        name: "protocols that Linux has",
        why: "RFC 1122 3.2.2.1: Protocol Unreachable is for a protocol that is not there. IGMP, TCP and others \
              are there in Linux",
        parts: false,
        explains: |exchange| {
            let protocol = Packet::of(exchange.frame()).map(|packet| packet.protocol());
            protocol.is_some_and(|protocol| !matches!(protocol, 1 | 17))
                && errors(&exchange.ours) == [(3, 2)]
                && errors(&exchange.theirs).is_empty()
        },
    },
    Departure {
        name: "options that we skip",
        why: "RFC 792, Parameter Problem: whoever finds an option that it cannot process may say so. We do for \
              impossible lengths and source routes; record route, time stamp, router alert and security are \
              nothing to us (docs/conformance.md, 3.2.1.8), and Linux reads them",
        parts: true,
        explains: |exchange| {
            has_option(exchange, &[7, 68, 130, 134, 148])
                && (errors(&exchange.theirs) == [(12, 0)] || asks_for_source(exchange))
                && errors(&exchange.ours) != [(12, 0)]
        },
    },
    Departure {
        name: "bad options of what is for others",
        why: "RFC 1122 3.2.1.3: what is not for us MUST be dropped in silence. Linux reads the options before it \
              looks for whom the packet is",
        parts: true,
        explains: |exchange| {
            let packet = Packet::of(exchange.frame());
            packet.is_some_and(|packet| packet.destination() != US && packet.header > 20)
                && exchange.ours.is_empty()
                && (errors(&exchange.theirs) == [(12, 0)] || asks_for_source(exchange))
        },
    },
    Departure {
        name: "options that cannot come back",
        why: "RFC 1122 3.2.2.6: Linux answers nothing where it has no room for its address in the route that would \
              come back. We send no options, so that there is always an answer",
        parts: true,
        explains: |exchange| {
            has_option(exchange, &[7, 68]) && exchange.theirs.is_empty() && exchange.ours.len() == 1
        },
    },
    Departure {
        name: "where the fault of an option is",
        why: "RFC 792: the pointer identifies the octet where the error was detected. Ours is the length that \
              cannot be, that of Linux the option that has it, or a fault that we do not look for",
        parts: false,
        explains: |exchange| {
            let without_pointer = |frames: &[Vec<u8>]| -> Vec<_> {
                let blank = |frame: &Vec<u8>| {
                    let mut frame = frame.clone();
                    let header = Packet::of(&frame).map_or(0, |packet| packet.header);
                    if is_icmp(&frame, 12) {
                        frame[IP + header + 4] = 0;
                    }
                    frame
                };
                frames.iter().map(blank).collect()
            };
            without_pointer(&exchange.ours) == without_pointer(&exchange.theirs)
        },
    },
    Departure {
        name: "a source route that goes on",
        why: "RFC 1122 3.3.5: who does not forward SHOULD say that the route failed. Linux drops it in silence",
        parts: false,
        explains: |exchange| {
            has_option(exchange, &[131, 137])
                && errors(&exchange.ours) == [(3, 5)]
                && exchange.theirs.is_empty()
        },
    },
    Departure {
        name: "a source route that is wrong in several ways",
        why: "RFC 791 3.1, RFC 1122 3.3.5: a source route that goes on fails. Linux looks first at all that may be \
              wrong with it: at its length, and whether there is another one",
        parts: true,
        explains: |exchange| {
            has_option(exchange, &[131, 137])
                && (errors(&exchange.theirs) == [(12, 0)] || asks_for_source(exchange))
        },
    },
    Departure {
        name: "the way back of a source route",
        why: "RFC 1122 3.2.2.6: an echo reply goes the way back; Linux sends errors that way too. We answer by the \
              ordinary route (docs/conformance.md, 3.2.1.8 (c))",
        parts: true,
        explains: |exchange| {
            let source = Packet::of(exchange.frame()).map(|packet| packet.source());
            let elsewhere = |frame: &Vec<u8>| match Arp::of(frame) {
                Some(arp) => Some(arp.target) != source,
                None => Packet::of(frame).map(|packet| packet.destination()) != source,
            };
            has_option(exchange, &[131, 137]) && exchange.theirs.iter().all(elsewhere)
        },
    },
    Departure {
        name: "timestamp messages",
        why: "RFC 1122 3.2.2.8: they MAY be implemented. Linux does",
        parts: false,
        explains: |exchange| {
            let packet = Packet::of(exchange.frame());
            packet.and_then(|packet| icmp_type(&packet)) == Some(13)
                && exchange.ours.is_empty()
                && (matches!(&exchange.theirs[..], [reply] if is_icmp(reply, 14))
                    || asks_for_source(exchange))
        },
    },
    Departure {
        name: "a fragment in another",
        why: "RFC 5722 4, RFC 8200 4.5: a datagram with overlapping fragments is dropped, but for exact duplicates. \
              Linux lets a fragment pass of which it has all",
        parts: true,
        explains: |exchange| Pieces::of(exchange.heard).has_overlap() && exchange.ours.is_empty(),
    },
    Departure {
        name: "an impossible fragment",
        why: "RFC 791 3.2 says what fragments are like, not what becomes of a datagram that has another one. We \
              drop the fragment, Linux the datagram",
        parts: true,
        explains: |exchange| {
            Pieces::of(exchange.heard).has_impossible() && exchange.theirs.is_empty()
        },
    },
    Departure {
        name: "fragments of which some have no ECN",
        why: "RFC 3168 5.3 speaks of congestion among fragments without ECN. Where none has met any, Linux drops the \
              datagram too",
        parts: true,
        explains: |exchange| {
            Pieces::of(exchange.heard).has_mixed_ecn() && exchange.theirs.is_empty()
        },
    },
    Departure {
        name: "an MTU of what does not need it",
        why: "RFC 1191 3: a router says so of a packet that has DF and is longer than its next link takes. Linux \
              looks at neither",
        parts: true,
        explains: |exchange| {
            let mut packets = exchange.heard.iter().filter_map(|frame| Packet::of(frame));
            packets.any(|packet| {
                let message = packet.payload();
                let said = message.get(6..8);
                packet.protocol() == 1
                    && message.get(..2) == Some(&[3, 4])
                    && (message.get(14).is_some_and(|flags| flags & 0x40 == 0)
                        || message.get(10..12) <= said)
            })
        },
    },
    Departure {
        name: "an MTU that is none",
        why: "RFC 1191 5 leaves open what is made of a router that says 0, and 3 forbids less than 68. We take the \
              next plateau, and believe no less than 68; Linux takes both for its least MTU",
        parts: true,
        explains: |exchange| {
            let mut packets = exchange.heard.iter().filter_map(|frame| Packet::of(frame));
            packets.any(|packet| {
                let message = packet.payload();
                packet.protocol() == 1
                    && message.get(..2) == Some(&[3, 4])
                    && message.get(6..8).is_some_and(|mtu| mtu[0] == 0 && mtu[1] < 68)
            })
        },
    },
];

/// An ARP packet of the addresses that we have, whatever else is in it.
struct Arp {
    mac: [u8; 6],
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

impl Arp {
    fn of(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(IP..IP + 28).filter(|_| ethertype(frame) == Some(ARP))?;
        let address = |at: usize| <[u8; 4]>::try_from(&packet[at..at + 4]).map(Ipv4Addr::from);
        Some(Self {
            mac: packet[8..14].try_into().ok()?,
            sender: address(14).ok()?,
            target: address(24).ok()?,
        })
    }
}

/// Whether an address is in 0/8, and not 0.0.0.0, or that of our network.
fn is_nobody(address: Ipv4Addr) -> bool {
    let zero = address.octets()[0] == 0 && !address.is_unspecified();
    zero || address == Ipv4Addr::new(10, 0, 0, 0)
}

/// Whether Linux has something to say to the source, and looks for it first.
fn asks_for_source(exchange: &Exchange<'_>) -> bool {
    let source = Packet::of(exchange.frame()).map(|packet| packet.source());
    matches!(&exchange.theirs[..], [one] if Arp::of(one).map(|arp| arp.target) == source)
}

/// The types and codes of the errors in an answer.
fn errors(frames: &[Vec<u8>]) -> Vec<(u8, u8)> {
    let packets = frames.iter().filter_map(|frame| Packet::of(frame));
    let errors = packets.filter(|packet| matches!(icmp_type(packet), Some(3 | 11 | 12)));
    errors.filter_map(|packet| Some((packet.payload()[0], *packet.payload().get(1)?))).collect()
}

fn is_icmp(frame: &[u8], message_type: u8) -> bool {
    Packet::of(frame).and_then(|packet| icmp_type(&packet)) == Some(message_type)
}

/// Whether one of these is among the options of what was answered, as far as they can be read.
fn has_option(exchange: &Exchange<'_>, kinds: &[u8]) -> bool {
    // Who has been asked for may be what an answer waited for.
    let waited = Arp::of(exchange.frame()).is_some();
    let mut packets = exchange.heard.iter().rev().filter_map(|frame| Packet::of(frame));
    let has = |packet: Packet<'_>| is_among(packet.options(), kinds);
    if waited { packets.any(has) } else { Packet::of(exchange.frame()).is_some_and(has) }
}

fn is_among(mut options: &[u8], kinds: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        if kinds.contains(kind) {
            return true;
        }
        options = match (kind, rest.first()) {
            (0, _) => return false,
            (1, _) => rest,
            (_, Some(&length)) => options.get(usize::from(length).max(2)..).unwrap_or_default(),
            (_, None) => return false,
        };
    }
    false
}
