//! What the first core says of the interface, in words that all cores read.

use cores::Core;
use layer::Offloads;
use netif::{MacAddr, Netif};

/// Which words of [`Core::announce`] they are.
const ADDRESS: usize = 0;
const STATE: usize = 1;

/// Says in the word of the address that there is one.
const IS_OPEN: u64 = 1 << 63;
/// In the word of the state, over 32 bits for the MTU.
const LINK_UP: u64 = 1 << 32;
const CHECKSUM: u64 = 1 << 33;
const UDP_FRAGMENTATION: u64 = 1 << 34;
const TCP_SEGMENTATION: u64 = 1 << 35;
const TCP_SEGMENTATION_IPV6: u64 = 1 << 36;
const IS_SPREAD: u64 = 1 << 37;

/// What changes of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) mtu: usize,
    pub(crate) offloads: Offloads,
    pub(crate) link_up: bool,
    /// Whether the device uses the queues of all cores. They know that by themselves, but they look when they are woken.
    pub(crate) is_spread: bool,
}

impl State {
    /// That of an interface.
    pub(crate) fn of(netif: &impl Netif) -> Self {
        Self {
            mtu: netif.mtu(),
            offloads: netif.offloads(),
            link_up: netif.link_up(),
            is_spread: netif.is_spread(),
        }
    }

    fn to_word(self) -> u64 {
        let Offloads { checksum, udp_fragmentation, tcp_segmentation, tcp_segmentation_ipv6 } =
            self.offloads;
        let flags = [
            (self.link_up, LINK_UP),
            (checksum, CHECKSUM),
            (udp_fragmentation, UDP_FRAGMENTATION),
            (tcp_segmentation, TCP_SEGMENTATION),
            (tcp_segmentation_ipv6, TCP_SEGMENTATION_IPV6),
            (self.is_spread, IS_SPREAD),
        ];
        let mtu = u64::from(u32::try_from(self.mtu).unwrap_or(u32::MAX));
        flags.iter().filter(|(is_set, _)| *is_set).fold(mtu, |word, (_, flag)| word | flag)
    }

    fn from_word(word: u64) -> Self {
        let has = |flag: u64| word & flag != 0;
        Self {
            mtu: word as u32 as usize,
            offloads: Offloads {
                checksum: has(CHECKSUM),
                udp_fragmentation: has(UDP_FRAGMENTATION),
                tcp_segmentation: has(TCP_SEGMENTATION),
                tcp_segmentation_ipv6: has(TCP_SEGMENTATION_IPV6),
            },
            link_up: has(LINK_UP),
            is_spread: has(IS_SPREAD),
        }
    }

    /// Says it to all cores.
    pub(crate) fn announce(self, core: Core) {
        core.announce(STATE, self.to_word());
    }

    /// What the first core said last.
    #[inline]
    pub(crate) fn announced(core: Core) -> Self {
        Self::from_word(core.announced(STATE))
    }
}

/// Says to all cores that the interface is open, and has this address.
pub(crate) fn announce_address(core: Core, mac: MacAddr) {
    let [a, b, c, d, e, f] = mac.0;
    core.announce(ADDRESS, IS_OPEN | u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
}

/// The address of the interface, if it is open.
pub(crate) fn announced_address(core: Core) -> Option<MacAddr> {
    let word = core.announced(ADDRESS);
    let [_, _, octets @ ..] = word.to_be_bytes();
    (word & IS_OPEN != 0).then_some(MacAddr(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_the_state_that_it_was_made_of() {
        for bits in 0..64 {
            let has = |bit: u32| bits >> bit & 1 == 1;
            let offloads = Offloads {
                checksum: has(0),
                udp_fragmentation: has(1),
                tcp_segmentation: has(2),
                tcp_segmentation_ipv6: has(3),
            };
            for mtu in [0, 68, 1500, 65_535, u32::MAX as usize] {
                let state = State { mtu, offloads, link_up: has(4), is_spread: has(5) };
                assert_eq!(State::from_word(state.to_word()), state);
            }
        }
    }
}
