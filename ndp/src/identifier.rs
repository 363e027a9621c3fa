//! Interface identifiers that are stable for a network and tell nothing of the host (RFC 7217).

use core::net::Ipv6Addr;

use layer::{Ipv6Cidr, KeyedHash};
use netif::MacAddr;

/// What the identifiers of a host are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identifiers {
    keyed: KeyedHash,
    mac: MacAddr,
}

impl Identifiers {
    /// The identifiers of this secret, for the interface with this hardware address (RFC 7217 5: `Net_Iface`). Two guests with one
    /// secret have other identifiers.
    pub(crate) const fn new(secret: u128, mac: MacAddr) -> Self {
        Self { keyed: KeyedHash::new(secret), mac }
    }

    /// The address with the first 64 bits of `prefix`. `counter` is how many addresses before were those of others.
    pub(crate) fn address(&self, prefix: Ipv6Addr, counter: u8) -> Ipv6Cidr {
        let network = prefix.to_bits() & !u128::from(u64::MAX);
        let bits = choose(counter, |counter| self.identifier((network >> 64) as u64, counter));
        let address = Ipv6Addr::from_bits(network | u128::from(bits));
        Ipv6Cidr::new(address, 64).unwrap_or(Ipv6Cidr::UNSPECIFIED)
    }

    /// The pseudo-random function of RFC 7217 5: a chain of keyed hashes over prefix, interface and counter, which always has three links.
    fn identifier(&self, prefix: u64, counter: u64) -> u64 {
        let [a, b, c, d, e, f] = self.mac.0;
        let interface = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        [prefix, interface, counter]
            .into_iter()
            .fold(0, |chain, link| self.keyed.hash(chain ^ link))
    }
}

/// The identifier of this counter, or another one if it is reserved. Two in a row are less likely than that the machine fails.
fn choose(counter: u8, identifier: impl Fn(u64) -> u64) -> u64 {
    let counter = u64::from(counter);
    match identifier(counter) {
        reserved if is_reserved(reserved) => identifier(counter | 1 << 32),
        bits => bits,
    }
}

/// Whether an identifier has a meaning of its own (RFC 5453, RFC 2526): that of the routers of the subnet, of an anycast group, and of
/// the addresses of IANA's own Ethernet numbers.
const fn is_reserved(identifier: u64) -> bool {
    matches!(
        identifier,
        0 | 0x0200_5eff_fe00_0000..=0x0200_5eff_feff_ffff | 0xfdff_ffff_ffff_ff80..=0xfdff_ffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);

    fn address(secret: u128, mac: MacAddr, prefix: &str, counter: u8) -> Ipv6Addr {
        Identifiers::new(secret, mac).address(prefix.parse().unwrap(), counter).address()
    }

    /// RFC 7217 4: the same in a network each time, another in another network.
    #[test]
    fn an_identifier_is_stable_in_a_network_and_another_elsewhere() {
        let one = address(7, MAC, "2001:db8:1::", 0);
        assert_eq!(one, address(7, MAC, "2001:db8:1::1234", 0));
        assert_eq!(one.segments()[..4], [0x2001, 0xdb8, 1, 0]);
        let others = [
            address(7, MAC, "2001:db8:2::", 0),
            address(7, MAC, "2001:db8:1::", 1),
            address(8, MAC, "2001:db8:1::", 0),
            address(7, MacAddr([2, 0, 10, 0, 0, 3]), "2001:db8:1::", 0),
        ];
        for other in others {
            assert_ne!(one.to_bits() as u64, other.to_bits() as u64);
        }
    }

    /// RFC 8064 3: no hardware address in it, in the form that has ff:fe in its middle or otherwise.
    #[test]
    fn an_identifier_does_not_tell_the_hardware_address() {
        for secret in 0..1000 {
            let address = address(secret, MAC, "fe80::", 0);
            assert_ne!(address.octets()[11..13], [0xff, 0xfe], "{address}");
            assert!(!address.octets()[8..].windows(3).any(|part| part == &MAC.0[3..]));
        }
    }

    /// RFC 7217 5.
    #[test]
    fn a_reserved_identifier_is_skipped() {
        let identifier = |counter| if counter < 10 { counter } else { 77 };
        assert_eq!([0, 1, 2].map(|counter| choose(counter, identifier)), [77, 1, 2]);
    }

    #[test]
    fn reserved_identifiers_are_known() {
        for reserved in [0, 0xfdff_ffff_ffff_ff80, 0xfdff_ffff_ffff_ffff, 0x0200_5eff_fe00_5213] {
            assert!(is_reserved(reserved), "{reserved:x}");
        }
        for free in [1, 0xfdff_ffff_ffff_ff7f, 0xfe00_0000_0000_0000, 0x0200_5eff_fd00_0000] {
            assert!(!is_reserved(free), "{free:x}");
        }
    }
}
