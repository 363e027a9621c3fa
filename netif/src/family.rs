//! The family of the packet in a frame.

use layer::{Offloads, Payload};

/// The position of the EtherType in bytes, and the length of a VLAN tag before it (IEEE 802.3, 802.1Q).
const ETHERTYPE: usize = 12;
const TAG_LEN: usize = 4;
/// The EtherTypes of a tag (802.1Q, 802.1ad) and of IPv6 (RFC 2464 3).
const TAGS: [[u8; 2]; 2] = [[0x81, 0x00], [0x88, 0xa8]];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// The family of a packet, of which an interface cuts and joins the TCP segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4, or whatever else is not IPv6.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family of the packet in `frame`, as its EtherType says, which may be behind one VLAN tag.
    pub fn of(frame: &dyn Payload) -> Self {
        let word = |at: usize| {
            let mut word = [0; 2];
            if at + word.len() <= frame.len() {
                frame.copy_to(at, &mut word);
            }
            word
        };
        let ethertype = match word(ETHERTYPE) {
            tag if TAGS.contains(&tag) => word(ETHERTYPE + TAG_LEN),
            ethertype => ethertype,
        };
        if ethertype == IPV6 { Self::Ipv6 } else { Self::Ipv4 }
    }

    /// Whether TCP segments of this family are cut by an interface that does this work.
    #[inline]
    #[must_use]
    pub const fn is_cut(self, offloads: Offloads) -> bool {
        match self {
            Self::Ipv4 => offloads.tcp_segmentation,
            Self::Ipv6 => offloads.tcp_segmentation_ipv6,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn frame(words: &[u16]) -> Vec<u8> {
        let words = words.iter().flat_map(|word| word.to_be_bytes());
        [2; 12].into_iter().chain(words).collect()
    }

    #[test]
    fn the_ethertype_tells_the_family_behind_a_tag_too() {
        for (words, family) in [
            (&[0x86dd, 0x6000][..], Family::Ipv6),
            (&[0x86dd], Family::Ipv6),
            (&[0x8100, 7, 0x86dd], Family::Ipv6),
            (&[0x88a8, 7, 0x86dd], Family::Ipv6),
            (&[0x0800, 0x4500], Family::Ipv4),
            (&[0x8100, 7, 0x0800], Family::Ipv4),
            (&[0x8100, 0x86dd, 0x0800], Family::Ipv4),
            (&[0x8100, 7], Family::Ipv4),
            (&[0x8100, 7, 0x8100, 7, 0x86dd], Family::Ipv4),
            (&[], Family::Ipv4),
        ] {
            assert_eq!(Family::of(&&frame(words)[..]), family, "{words:x?}");
            assert_eq!(Family::of(&(&frame(words)[..9], &frame(words)[9..])), family);
        }
        assert_eq!(Family::of(&[2; 13]), Family::Ipv4);
    }

    #[test]
    fn each_family_is_cut_where_the_interface_cuts_it() {
        let ipv4 = Offloads { tcp_segmentation: true, ..Offloads::NONE };
        let ipv6 = Offloads { tcp_segmentation_ipv6: true, ..Offloads::NONE };
        for (offloads, cut) in [(ipv4, [true, false]), (ipv6, [false, true])] {
            assert_eq!([Family::Ipv4, Family::Ipv6].map(|family| family.is_cut(offloads)), cut);
        }
    }
}
