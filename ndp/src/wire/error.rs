//! Why a message is not believed.

use core::fmt;

/// The check that a message does not pass (RFC 4861 6.1, 7.1, 8.1; RFC 9777 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// A router has forwarded the message, or it is not one of MLD, whose hop limit is 1.
    HopLimit,
    /// The code is not 0.
    Code,
    /// The checksum is wrong.
    Checksum,
    /// The message is shorter than its type needs.
    TooShort,
    /// An option has the length 0, or is longer than the message.
    Option,
    /// The source is not the address of one host, or not the link-local address that the type demands.
    Source,
    /// A solicitation from the unspecified address is not for the group of its target, or has the option source link-layer
    /// address; or an advertisement is for a group and says that it was solicited.
    Destination,
    /// The target is not the address of one host, or a redirect's target is not a router's.
    Target,
    /// A packet of MLD has no Router Alert option.
    RouterAlert,
    /// A query has a length that no version of MLD has, or its group is not a group.
    Query,
    /// A link-layer address is not that of one station.
    LinkAddress,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HopLimit => "the hop limit is not that of a message of this link",
            Self::Code => "the code is not 0",
            Self::Checksum => "the checksum is wrong",
            Self::TooShort => "the message is shorter than its type needs",
            Self::Option => "an option is empty, or longer than the message",
            Self::Source => "the source is not an address that may send this message",
            Self::Destination => "the message may not be for its destination",
            Self::Target => "the target is not one host",
            Self::RouterAlert => "the packet has no Router Alert option",
            Self::Query => "a query has 24 bytes, or at least 28, and asks for a group",
            Self::LinkAddress => "the link-layer address is not that of one station",
        })
    }
}

impl core::error::Error for ParseError {}
