//! The messages of Neighbour Discovery (RFC 4861 4) and of Multicast Listener Discovery (RFC 9777 5, RFC 2710 3).

use core::{fmt, net::Ipv6Addr};

use ipv6::{Ipv6Header, Parsed};
use network::Protocol;

mod error;
mod message;
mod options;
mod packet;
mod query;

pub use error::ParseError;
pub use message::{Message, Preference, RouterAdvertisement};
pub use options::{DiscoveryOption, Options, PrefixInformation, Rdnss};
pub use packet::{MAX_RECORDS, Nonce, Packet, Record};
pub use query::Query;

/// The hop limit of each message of Neighbour Discovery: no router has forwarded it (RFC 4861 3.1).
pub const HOP_LIMIT: u8 = 255;

/// All routers that understand version 2 of MLD (RFC 9777 5.2.14).
pub const ALL_MLDV2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

/// Hop-by-Hop Options, a header before that of ICMP (RFC 8200 4.3).
const HOP_BY_HOP: u8 = 0;

/// The type of a message of ICMP for IPv6 (IANA's registry of its parameters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Kind(pub u8);

impl Kind {
    /// Multicast Listener Query, of either version (RFC 9777 5.1).
    pub const QUERY: Self = Self(130);
    /// Multicast Listener Report of version 1 (RFC 2710 3).
    pub const REPORT_V1: Self = Self(131);
    /// Multicast Listener Done (RFC 2710 3).
    pub const DONE: Self = Self(132);
    /// Router Solicitation (RFC 4861 4.1).
    pub const ROUTER_SOLICITATION: Self = Self(133);
    /// Router Advertisement (RFC 4861 4.2).
    pub const ROUTER_ADVERTISEMENT: Self = Self(134);
    /// Neighbour Solicitation (RFC 4861 4.3).
    pub const SOLICITATION: Self = Self(135);
    /// Neighbour Advertisement (RFC 4861 4.4).
    pub const ADVERTISEMENT: Self = Self(136);
    /// Redirect (RFC 4861 4.5).
    pub const REDIRECT: Self = Self(137);
    /// Multicast Listener Report of version 2 (RFC 9777 5.2).
    pub const REPORT: Self = Self(143);

    /// Whether the message is one of Multicast Listener Discovery.
    pub const fn is_mld(self) -> bool {
        matches!(self.0, 130..=132 | 143)
    }

    /// Whether the message is one of Neighbour Discovery.
    pub const fn is_nd(self) -> bool {
        matches!(self.0, 133..=137)
    }
}

/// `neighbour solicitation`, or the number.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::QUERY => "listener query",
            Self::REPORT_V1 => "listener report of version 1",
            Self::DONE => "listener done",
            Self::ROUTER_SOLICITATION => "router solicitation",
            Self::ROUTER_ADVERTISEMENT => "router advertisement",
            Self::SOLICITATION => "neighbour solicitation",
            Self::ADVERTISEMENT => "neighbour advertisement",
            Self::REDIRECT => "redirect",
            Self::REPORT => "listener report",
            Self(number) => return write!(f, "type {number}"),
        })
    }
}

/// A packet that carries a message of Neighbour Discovery or Multicast Listener Discovery, which is not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'r> {
    /// The header of the packet.
    pub header: &'r Ipv6Header,
    /// Whether a hop-by-hop header has the Router Alert option for MLD (RFC 2711 2.1).
    pub router_alert: bool,
    /// The type of the message.
    pub kind: Kind,
    /// The message, from its type on.
    pub message: &'r [u8],
}

impl<'r> Received<'r> {
    /// Looks for a message in `packet`. The message follows the header, or one hop-by-hop header.
    ///
    /// `None` is for every other packet: for one without a message, for one whose headers have to be answered by IPv6
    /// (RFC 8200 4.2), and for a fragment. IPv6 reassembles a fragment, and so the message in it is never believed (RFC 6980 5).
    pub fn find(packet: &'r [u8]) -> Option<Self> {
        let Parsed { header, payload } = Ipv6Header::parse(packet).ok()?;
        let (router_alert, message) = match header.next_header {
            HOP_BY_HOP => hop_by_hop(payload)?,
            next if next == Protocol::ICMPV6.0 => (false, payload),
            _ => return None,
        };
        let kind = Kind(*message.first()?);
        let is_ours = kind.is_mld() || kind.is_nd();
        is_ours.then_some(Self { header, router_alert, kind, message })
    }
}

/// Reads a hop-by-hop header before a message of ICMP; returns whether it has the Router Alert option for MLD, and what follows
/// the header. `None` means that another header follows, or that there is something in the header which IPv6 has to answer.
fn hop_by_hop(bytes: &[u8]) -> Option<(bool, &[u8])> {
    /// The option that fills one byte, and has no length (RFC 8200 4.2).
    const PAD1: u8 = 0;
    /// The option Router Alert with its length and the value of MLD (RFC 2711 2.1).
    const ROUTER_ALERT: [u8; 4] = [5, 2, 0, 0];

    let &[next, length, ..] = bytes else { return None };
    let (header, message) = bytes.split_at_checked(8 * (usize::from(length) + 1))?;
    if next != Protocol::ICMPV6.0 {
        return None;
    }
    let (mut options, mut router_alert) = (&header[2..], false);
    while let &[kind, ref rest @ ..] = options {
        if kind == PAD1 {
            options = rest;
            continue;
        }
        // The first two bits say what to do with an option that is not known: 0 is to skip it.
        if kind >> 6 != 0 {
            return None;
        }
        let (option, after) = options.split_at_checked(2 + usize::from(*rest.first()?))?;
        router_alert |= option == ROUTER_ALERT;
        options = after;
    }
    Some((router_alert, message))
}

#[cfg(test)]
pub(crate) mod tests;
