//! Which core a received frame is for: what a network card with several queues does by a hash.

use layer::KeyedHash;

/// The EtherTypes of the packets that are spread (IEEE 802.3).
mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
}

/// The numbers of headers (IANA's registry of protocol numbers).
mod number {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const TCP: u8 = 6;
    pub(super) const UDP: u8 = 17;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const DESTINATION: u8 = 60;
}

/// Where the EtherType of a frame is, in bytes, and where the packet begins.
const ETHERTYPE: usize = 12;
const ETHERNET_HEADER: usize = 14;
/// How long the header of IPv6 is, in bytes.
const IPV6_HEADER: usize = 40;
/// How long the Fragment header is, in bytes (RFC 8200 4.5).
const FRAGMENT_HEADER: usize = 8;
/// How many extension headers are looked at: no honest sender has more.
const MOST_HEADERS: usize = 8;

/// How received frames are spread over the cores. A secret that all cores have in common decides, so all come to the same result,
/// and no stranger can send all that he sends to one of them.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    keyed: KeyedHash,
    count: u64,
}

/// What a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A datagram, of which it is a fragment: what its fragments have in common.
    Fragment(u64),
    /// A flow of TCP or UDP: the protocol and the ports.
    Flow(u64),
}

impl Spread {
    /// Over `count` cores that have the secret `seed` in common.
    pub fn new(seed: u128, count: usize) -> Self {
        Self { keyed: KeyedHash::new(layer::seed_for(*b"sprd", seed)), count: count.max(1) as u64 }
    }

    /// The core that a frame is for, which begins with its Ethernet header. The packets of a flow of TCP or UDP go to one core, by
    /// addresses and ports; the fragments of a datagram to one core, by addresses and identification, whatever their ports are.
    /// All other frames are for the first core: those about the link, ICMP, those with a VLAN tag, and what is not understood.
    #[inline]
    pub fn core_of(&self, frame: &[u8]) -> usize {
        let Some((header, packet)) = frame.split_first_chunk::<ETHERNET_HEADER>() else { return 0 };
        self.hash(u16::from_be_bytes([header[ETHERTYPE], header[ETHERTYPE + 1]]), packet)
            .map_or(0, |hash| self.place(hash))
    }

    /// The core that puts a datagram together, for a packet of this EtherType that is a fragment of it. None if it is no fragment.
    /// It is the core that [`core_of`](Self::core_of) says for a frame with the packet.
    pub fn core_of_fragment(&self, ethertype: u16, packet: &[u8]) -> Option<usize> {
        let (hosts, kind) = read(ethertype, packet)?;
        matches!(kind, Kind::Fragment(_)).then(|| self.place(self.mix(hosts, kind)))
    }

    fn hash(&self, ethertype: u16, packet: &[u8]) -> Option<u64> {
        let (hosts, kind) = read(ethertype, packet)?;
        Some(self.mix(hosts, kind))
    }

    fn place(&self, hash: u64) -> usize {
        (hash % self.count) as usize
    }

    /// `hosts` are the addresses.
    fn mix(&self, hosts: &[u8], kind: Kind) -> u64 {
        let (words, _) = hosts.as_chunks::<8>();
        let hosts =
            words.iter().fold(0, |hash, word| self.keyed.hash(hash ^ u64::from_be_bytes(*word)));
        self.keyed.hash(
            hosts
                ^ match kind {
                    Kind::Fragment(datagram) => datagram,
                    Kind::Flow(flow) => 1 << 63 | flow,
                },
        )
    }
}

/// The addresses of a packet, and what it belongs to. None if it is neither of a flow nor a fragment.
fn read(ethertype: u16, packet: &[u8]) -> Option<(&[u8], Kind)> {
    match ethertype {
        ethertype::IPV4 => read_ipv4(packet),
        ethertype::IPV6 => read_ipv6(packet),
        _ => None,
    }
}

/// A packet of IPv4 (RFC 791 3.1): the identification, the flags and the offset are bytes 4 to 7.
fn read_ipv4(packet: &[u8]) -> Option<(&[u8], Kind)> {
    let (header, _) = packet.split_first_chunk::<20>()?;
    let [version, .., id1, id2, flags, offset, _ttl, protocol, _, _, _, _, _, _, _, _, _, _] =
        *header;
    let length = 4 * usize::from(version & 15);
    if version >> 4 != 4 || length < header.len() {
        return None;
    }
    let hosts = packet.get(12..20)?;
    // More Fragments, or an offset.
    if flags & 0x3f != 0 || offset != 0 {
        let datagram = u64::from_be_bytes([0, 0, 0, 0, 0, protocol, id1, id2]);
        return Some((hosts, Kind::Fragment(datagram)));
    }
    Some((hosts, Kind::Flow(flow(protocol, packet.get(length..)?)?)))
}

/// A packet of IPv6 (RFC 8200 3).
fn read_ipv6(packet: &[u8]) -> Option<(&[u8], Kind)> {
    let (number, at) = last_header(packet).filter(|_| packet[0] >> 4 == 6)?;
    let hosts = packet.get(8..IPV6_HEADER)?;
    if number != number::FRAGMENT {
        return Some((hosts, Kind::Flow(flow(number, packet.get(at..)?)?)));
    }
    let id = packet.get(at + 4..at + FRAGMENT_HEADER)?.first_chunk()?;
    Some((hosts, Kind::Fragment(u64::from(u32::from_be_bytes(*id)))))
}

/// The protocol and the ports, with which a header of TCP or UDP begins (RFC 9293 3.1, RFC 768).
fn flow(protocol: u8, header: &[u8]) -> Option<u64> {
    let ports = u32::from_be_bytes(*header.first_chunk()?);
    matches!(protocol, number::TCP | number::UDP)
        .then(|| u64::from(protocol) << 32 | u64::from(ports))
}

/// The number and the place of the first header of a packet of IPv6 that is no option and no routing header: a Fragment header, or
/// what the packet carries. None if the packet is cut before, or has more than eight such headers.
pub fn last_header(packet: &[u8]) -> Option<(u8, usize)> {
    let (mut next, mut at) = (*packet.get(6)?, IPV6_HEADER);
    for _ in 0..MOST_HEADERS {
        if !matches!(next, number::HOP_BY_HOP | number::ROUTING | number::DESTINATION) {
            return Some((next, at));
        }
        let &[following, length, ..] = packet.get(at..)? else { return None };
        at += (usize::from(length) + 1) * 8;
        next = following;
    }
    None
}

#[cfg(all(test, not(loom)))]
mod tests;
