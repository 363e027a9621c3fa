//! Multicast groups (RFC 4291 2.7), and their hardware addresses.

use core::{fmt, net::Ipv6Addr};

use netif::MacAddr;

/// All nodes of the link (RFC 4291 2.7.1). Every node is in this group and never leaves it.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// All routers of the link (RFC 4291 2.7.1).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The hardware address of a multicast group (RFC 2464 7).
pub const fn multicast_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr([0x33, 0x33, a, b, c, d])
}

/// The group that hosts with such an address are in, to be found by their neighbours (RFC 4291 2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | a as u16, u16::from_be_bytes([b, c]))
}

/// Why a group could not be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The address is not in `ff00::/8`, or its scope is the node itself or none (RFC 4291 2.7).
    NotAGroup(Ipv6Addr),
    /// As many groups are joined as the link supports.
    Full,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAGroup(address) => {
                write!(f, "{address} is not a group of a network: ff00::/8")
            }
            Self::Full => {
                f.write_str("as many groups are joined as the link supports, leave one first")
            }
        }
    }
}

impl core::error::Error for JoinError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_hardware_address() {
        assert_eq!(multicast_mac(ALL_NODES), MacAddr([0x33, 0x33, 0, 0, 0, 1]));
        let group = solicited_node("2001:db8::1234:5678".parse().unwrap());
        assert_eq!(group, "ff02::1:ff34:5678".parse::<Ipv6Addr>().unwrap());
        assert_eq!(multicast_mac(group), MacAddr([0x33, 0x33, 0xff, 0x34, 0x56, 0x78]));
    }
}
