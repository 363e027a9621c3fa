//! A message that has passed the checks of its type (RFC 4861 6.1, 7.1, 8.1; RFC 9777 6.2).

use core::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use ipv6::solicited_node;
use layer::is_unicast_ipv6;
use netif::MacAddr;
use network::{Checksum, Protocol};

use super::{HOP_LIMIT, Kind, Options, ParseError, Query, Received};

/// How a router asks to be chosen among others (RFC 4191 2.1), the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    /// Only if there is no other.
    Low,
    /// As a router that says nothing.
    Medium,
    /// Before others.
    High,
}

/// A Router Advertisement (RFC 4861 4.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouterAdvertisement<'r> {
    /// The hop limit of packets that hosts send. 0 says nothing.
    pub hop_limit: u8,
    /// How long the router forwards packets of hosts. 0 means that it does not.
    pub lifetime: Duration,
    /// How it asks to be chosen among others.
    pub preference: Preference,
    /// How long a neighbour is held to be reachable. 0 says nothing.
    pub reachable: Duration,
    /// The time between two solicitations. 0 says nothing.
    pub retransmit: Duration,
    /// The options.
    pub options: Options<'r>,
}

/// A message that may be believed as far as it can be checked by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Message<'r> {
    /// A router says what the link is like.
    RouterAdvertisement(RouterAdvertisement<'r>),
    /// Who has the target? (RFC 4861 4.3)
    Solicitation {
        /// The address that is asked for.
        target: Ipv6Addr,
        /// The link-layer address of the sender.
        link_address: Option<MacAddr>,
        /// The nonce of a sender that is to know its own message again (RFC 7527 4.2).
        nonce: Option<&'r [u8]>,
    },
    /// The sender has the target (RFC 4861 4.4).
    Advertisement {
        /// The address that the sender has.
        target: Ipv6Addr,
        /// Whether the sender is a router.
        is_router: bool,
        /// Whether this answers a solicitation.
        is_solicited: bool,
        /// Whether the link-layer address replaces one that is known.
        overrides: bool,
        /// The link-layer address of the target.
        link_address: Option<MacAddr>,
    },
    /// There is a better first hop to the destination (RFC 4861 4.5).
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// The destination.
        destination: Ipv6Addr,
        /// The link-layer address of the target.
        link_address: Option<MacAddr>,
    },
    /// A router asks for listeners (RFC 9777 5.1).
    Query(Query),
    /// Another host listens to this group (RFC 2710 3).
    ReportV1(Ipv6Addr),
    /// A message for routers.
    ForRouters,
}

impl<'r> Message<'r> {
    /// Reads and checks a message. `verify_checksum` is whether nobody has verified the checksum before.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn parse(received: &Received<'r>, verify_checksum: bool) -> Result<Self, ParseError> {
        let &Received { header, router_alert, kind, message } = received;
        let (source, destination) = (header.source(), header.destination());
        let is_mld = kind.is_mld();
        if header.hop_limit != if is_mld { 1 } else { HOP_LIMIT } {
            return Err(ParseError::HopLimit);
        }
        if is_mld && !router_alert {
            return Err(ParseError::RouterAlert);
        }
        let &[_, code, _, _, flags, ..] = message else { return Err(ParseError::TooShort) };
        if code != 0 && kind.is_nd() {
            return Err(ParseError::Code);
        }
        let (from, to) = (IpAddr::V6(source), IpAddr::V6(destination));
        let sum = Checksum::pseudo_header(from, to, Protocol::ICMPV6, message.len());
        if verify_checksum && !sum.add(message).is_valid() {
            return Err(ParseError::Checksum);
        }
        let is_from_link = source.is_unicast_link_local();
        match kind {
            Kind::QUERY | Kind::ROUTER_ADVERTISEMENT | Kind::REDIRECT if !is_from_link => {
                return Err(ParseError::Source);
            }
            _ if !source.is_unspecified() && !is_unicast_ipv6(source) => {
                return Err(ParseError::Source);
            }
            _ => {}
        }
        match kind {
            Kind::QUERY => Query::parse(message).map(Message::Query),
            Kind::REPORT_V1 => Ok(Message::ReportV1(address(message)?)),
            Kind::ROUTER_ADVERTISEMENT => advertised_router(message),
            Kind::SOLICITATION => solicitation(message, source, destination),
            Kind::ADVERTISEMENT => {
                advertisement(message, flags, source, destination.is_multicast())
            }
            Kind::REDIRECT => redirect(message),
            _ => Ok(Message::ForRouters),
        }
    }
}

/// The first address of a message, after its first 8 bytes.
fn address(message: &[u8]) -> Result<Ipv6Addr, ParseError> {
    let bytes = message.get(8..).and_then(<[u8]>::first_chunk::<16>);
    bytes.map(|&bytes| bytes.into()).ok_or(ParseError::TooShort)
}

fn target(message: &[u8]) -> Result<Ipv6Addr, ParseError> {
    match address(message)? {
        target if is_unicast_ipv6(target) => Ok(target),
        _ => Err(ParseError::Target),
    }
}

/// RFC 4861 6.1.2.
fn advertised_router(message: &[u8]) -> Result<Message<'_>, ParseError> {
    let (fixed, options) = message.split_first_chunk::<16>().ok_or(ParseError::TooShort)?;
    let &[_, _, _, _, hop_limit, flags, l0, l1, a, b, c, d, e, f, g, h] = fixed;
    let milliseconds = |bytes| Duration::from_millis(u32::from_be_bytes(bytes).into());
    // RFC 4191 2.2: the reserved value says nothing.
    let preference = match flags >> 3 & 3 {
        1 => Preference::High,
        3 => Preference::Low,
        _ => Preference::Medium,
    };
    Ok(Message::RouterAdvertisement(RouterAdvertisement {
        hop_limit,
        lifetime: Duration::from_secs(u16::from_be_bytes([l0, l1]).into()),
        preference,
        reachable: milliseconds([a, b, c, d]),
        retransmit: milliseconds([e, f, g, h]),
        options: Options::parse(options)?,
    }))
}

/// RFC 4861 7.1.1.
fn solicitation(
    message: &[u8],
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Result<Message<'_>, ParseError> {
    let target = target(message)?;
    let options = Options::parse(&message[24..])?;
    let link_address = options.source_link_address();
    let is_for_group = destination == solicited_node(target);
    if source.is_unspecified() && (!is_for_group || link_address.is_some()) {
        return Err(ParseError::Destination);
    }
    Ok(Message::Solicitation { target, link_address, nonce: options.nonce() })
}

/// RFC 4861 7.1.2.
fn advertisement(
    message: &[u8],
    flags: u8,
    source: Ipv6Addr,
    is_for_group: bool,
) -> Result<Message<'_>, ParseError> {
    let target = target(message)?;
    let options = Options::parse(&message[24..])?;
    let is_solicited = flags & 0x40 != 0;
    if source.is_unspecified() {
        return Err(ParseError::Source);
    }
    if is_for_group && is_solicited {
        return Err(ParseError::Destination);
    }
    Ok(Message::Advertisement {
        target,
        is_router: flags & 0x80 != 0,
        is_solicited,
        overrides: flags & 0x20 != 0,
        link_address: options.target_link_address(),
    })
}

/// RFC 4861 8.1.
fn redirect(message: &[u8]) -> Result<Message<'_>, ParseError> {
    let target = target(message)?;
    let rest = message.get(24..).ok_or(ParseError::TooShort)?;
    let (&destination, options) = rest.split_first_chunk::<16>().ok_or(ParseError::TooShort)?;
    let destination = Ipv6Addr::from(destination);
    let is_router = target.is_unicast_link_local();
    if !is_unicast_ipv6(destination) || !(is_router || target == destination) {
        return Err(ParseError::Target);
    }
    let link_address = Options::parse(options)?.target_link_address();
    Ok(Message::Redirect { target, destination, link_address })
}
