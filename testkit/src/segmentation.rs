//! An interface that cuts and joins TCP segments, as network cards and kernels do.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
    ops::Range,
    time::Duration,
};

use layer::{Counter, Offloads, PartialChecksum, Payload, Rx, TxOffload};
use netif::{Checksums, Family, MacAddr, Netif, RxFrame};
use network::{Checksum, Protocol};
use rt_regions::Region;

use crate::bytes_of;

/// The length of the Ethernet header in bytes.
const ETHERNET: usize = 14;
/// Bits of the TCP header's flags (RFC 9293 3.1).
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const CWR: u8 = 0x80;
/// The length of the header of IPv4 without options, and of IPv6 without extension headers, in bytes.
const IPV4: usize = 20;
const IPV6: usize = 40;
/// The longest packet in bytes.
const LONGEST_PACKET: usize = 65_535;

/// Completes checksums, and cuts a TCP segment over IPv4 or IPv6 that is longer than the MTU into segments that the interface
/// inside can send. If it [joins](Self::with_joining), received segments that follow each other are handed up as one packet,
/// of at most 65,535 bytes. Packets of IPv6 with extension headers are left as they are.
///
/// It is what a test needs that has a transport above and a wire below: `Segmentation` over [`End`](crate::End), or over
/// a bad network, whose frames are as on a wire.
#[derive(Debug)]
pub struct Segmentation<N> {
    netif: N,
    joins: bool,
    /// The frame that came after those that were joined, and did not fit.
    next: Option<(Vec<u8>, Checksums)>,
}

impl<N> Segmentation<N> {
    /// An interface that cuts, and does not join.
    pub fn new(netif: N) -> Self {
        Self { netif, joins: false, next: None }
    }

    /// This interface, which also joins.
    #[must_use]
    pub fn with_joining(self) -> Self {
        Self { joins: true, ..self }
    }
}

impl<N: Netif> Netif for Segmentation<N> {
    type Error = N::Error;
    type Event = N::Event;

    fn mac(&self) -> MacAddr {
        self.netif.mac()
    }

    fn mtu(&self) -> usize {
        self.netif.mtu()
    }

    fn offloads(&self) -> Offloads {
        Offloads {
            checksum: true,
            tcp_segmentation: true,
            tcp_segmentation_ipv6: true,
            ..Offloads::NONE
        }
    }

    fn room(&self) -> usize {
        self.netif.room()
    }

    fn link_up(&self) -> bool {
        self.netif.link_up()
    }

    fn link_interval(&self) -> Option<Duration> {
        self.netif.link_interval()
    }

    fn event(&self) -> N::Event {
        self.netif.event()
    }

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        let (mut bytes, mut checksums) = match self.next.take() {
            Some(next) => next,
            None => match self.netif.receive(region)? {
                Rx::Item(frame) if self.joins => (frame.bytes.to_vec(), frame.checksums),
                other => return Ok(other),
            },
        };
        let mut segment_size = None;
        if let Some(mut last) = Segment::of(&bytes, checksums).filter(Segment::can_be_followed) {
            let size = last.data();
            while let Rx::Item(frame) = self.netif.receive(region)? {
                match Segment::of(frame.bytes, frame.checksums) {
                    Some(next) if next.follows(&last, size, bytes.len()) => {
                        bytes.extend_from_slice(&frame.bytes[next.start..next.end]);
                        segment_size = NonZeroU16::new(size as u16);
                        let ends = !next.can_be_followed() || next.data() < size;
                        last = next;
                        if ends {
                            break;
                        }
                    }
                    _ => {
                        self.next = Some((frame.bytes.to_vec(), frame.checksums));
                        break;
                    }
                }
            }
            if segment_size.is_some() {
                last.finish(&mut bytes);
                checksums = Checksums::Verified;
            }
        }
        Ok(match region.alloc_slice(&bytes) {
            Ok(bytes) => Rx::Item(RxFrame { bytes, checksums, segment_size }),
            Err(_) => Rx::Handled,
        })
    }

    /// # Panics
    /// More is left undone than this interface does.
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), N::Error> {
        let mut bytes = bytes_of(frame);
        match offload {
            TxOffload { checksum: None, segment_size: None } => {
                self.netif.transmit(&bytes[..], TxOffload::NONE)
            }
            TxOffload { checksum: Some(checksum), segment_size: None } => {
                complete(&mut bytes, checksum);
                self.netif.transmit(&bytes[..], TxOffload::NONE)
            }
            TxOffload { checksum: Some(checksum), segment_size: Some(size) } => {
                assert!(checksum.is_tcp(), "only TCP segments are cut");
                let segments = cut(&bytes, checksum, size);
                segments
                    .iter()
                    .try_for_each(|bytes| self.netif.transmit(&bytes[..], TxOffload::NONE))
            }
            TxOffload { checksum: None, segment_size: Some(_) } => {
                panic!("a segment with a complete checksum is not cut")
            }
        }
    }

    fn describe(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.netif.describe(f)
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.netif.counters(visit);
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn set_word(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// Completes a checksum, whose field holds the sum of the pseudo header.
fn complete(bytes: &mut [u8], checksum: PartialChecksum) {
    let (start, offset) = (usize::from(checksum.start), usize::from(checksum.offset.get()));
    let sum = match Checksum::new().add(&bytes[start..]).finish() {
        0 => u16::MAX,
        sum => sum,
    };
    set_word(bytes, start + offset, sum);
}

/// Sets the length in the header of the packet, and identification and checksum of IPv4, which IPv6 has not.
fn set_ip(frame: &mut [u8], header_len: usize, identification: u16) {
    let total = (frame.len() - ETHERNET) as u16;
    let family = Family::of(&&*frame);
    let header = &mut frame[ETHERNET..][..header_len];
    if family == Family::Ipv6 {
        return set_word(header, 4, total - IPV6 as u16);
    }
    set_word(header, 2, total);
    set_word(header, 4, identification);
    set_word(header, 10, 0);
    let checksum = Checksum::new().add(header).finish();
    set_word(header, 10, checksum);
}

/// Computes the checksum of the TCP segment from `tcp` on to the end of the frame.
fn set_tcp_checksum(frame: &mut [u8], tcp: usize) {
    set_word(frame, tcp + 16, 0);
    let sum = pseudo_header(frame, frame.len() - tcp).add(&frame[tcp..]).finish();
    set_word(frame, tcp + 16, sum);
}

fn octets<const N: usize>(frame: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|byte| frame[at + byte])
}

fn pseudo_header(frame: &[u8], length: usize) -> Checksum {
    let ipv4 = |at: usize| -> IpAddr { Ipv4Addr::from_octets(octets(frame, at)).into() };
    let ipv6 = |at: usize| -> IpAddr { Ipv6Addr::from_octets(octets(frame, at)).into() };
    let (source, destination) = match Family::of(&frame) {
        Family::Ipv4 => (ipv4(26), ipv4(30)),
        Family::Ipv6 => (ipv6(22), ipv6(38)),
    };
    Checksum::pseudo_header(source, destination, Protocol::TCP, length)
}

/// The segments with `size` bytes of data that come of one.
fn cut(frame: &[u8], checksum: PartialChecksum, size: NonZeroU16) -> Vec<Vec<u8>> {
    let tcp = usize::from(checksum.start);
    let headers = tcp + 4 * usize::from(frame[tcp + 12] >> 4);
    let count = (frame.len() - headers).div_ceil(size.get().into());
    let sequence = u32::from_be_bytes([4, 5, 6, 7].map(|at| frame[tcp + at]));
    let segment = |(number, data): (usize, &[u8])| {
        let mut segment = [&frame[..headers], data].concat();
        let identification = word(frame, ETHERNET + 4).wrapping_add(number as u16);
        set_ip(&mut segment, tcp - ETHERNET, identification);
        let sequence = sequence.wrapping_add((number * usize::from(size.get())) as u32);
        segment[tcp + 4..tcp + 8].copy_from_slice(&sequence.to_be_bytes());
        if number + 1 < count {
            segment[tcp + 13] &= !(FIN | PSH);
        }
        if number > 0 {
            segment[tcp + 13] &= !CWR;
        }
        set_tcp_checksum(&mut segment, tcp);
        segment
    };
    frame[headers..].chunks(size.get().into()).enumerate().map(segment).collect()
}

/// A TCP segment with data in a frame, whose checksum is right.
struct Segment {
    /// The headers, up to the data.
    headers: Vec<u8>,
    /// Where TCP's header begins.
    tcp: usize,
    /// Where the data begin and end.
    start: usize,
    end: usize,
}

impl Segment {
    fn of(frame: &[u8], checksums: Checksums) -> Option<Self> {
        let ip = frame.get(ETHERNET..ETHERNET + IPV4)?;
        let (header, length, protocol) = match (word(frame, 12), ip[0] >> 4) {
            (0x0800, 4) if word(ip, 6) & 0x3fff == 0 => {
                (4 * usize::from(ip[0] & 15), usize::from(word(ip, 2)), ip[9])
            }
            (0x86dd, 6) => (IPV6, IPV6 + usize::from(word(ip, 4)), ip[6]),
            _ => return None,
        };
        let (tcp, end) = (ETHERNET + header, ETHERNET + length);
        let plain = header >= IPV4 && protocol == Protocol::TCP.0;
        let start = tcp + 4 * usize::from(frame.get(tcp + 12)? >> 4);
        if !plain || start < tcp + 20 || start >= end || end > frame.len() {
            return None;
        }
        let sum = pseudo_header(frame, end - tcp).add(&frame[tcp..end]);
        let is_right = !checksums.must_verify() || sum.is_valid();
        is_right.then(|| Self { headers: frame[..start].to_vec(), tcp, start, end })
    }

    fn data(&self) -> usize {
        self.end - self.start
    }

    fn sequence(&self) -> u32 {
        u32::from_be_bytes([4, 5, 6, 7].map(|at| self.headers[self.tcp + at]))
    }

    fn flags(&self) -> u8 {
        self.headers[self.tcp + 13]
    }

    /// Whether another segment may be joined to it.
    fn can_be_followed(&self) -> bool {
        self.flags() == ACK
    }

    /// Whether it is joined to `last`, of segments with `size` bytes that have `length` bytes together with the headers.
    fn follows(&self, last: &Self, size: usize, length: usize) -> bool {
        let same = |range: Range<usize>| self.headers.get(range.clone()) == last.headers.get(range);
        let (tcp, ip) = (self.tcp, ETHERNET);
        // All but the lengths, numbers and checksums: addresses, ports, acknowledgement, window and options.
        let same_ip = match Family::of(&&self.headers[..]) {
            Family::Ipv4 => same(0..ip + 2) && same(ip + 6..ip + 10) && same(ip + 12..tcp),
            Family::Ipv6 => same(0..ip + 4) && same(ip + 6..tcp),
        };
        self.headers.len() == last.headers.len()
            && same_ip
            && same(tcp..tcp + 4)
            && same(tcp + 8..tcp + 13)
            && same(tcp + 14..tcp + 16)
            && same(tcp + 18..self.start)
            && self.flags() & !(PSH | FIN) == ACK
            && self.sequence() == last.sequence().wrapping_add(last.data() as u32)
            && self.data() <= size
            && length + self.data() <= ETHERNET + LONGEST_PACKET
    }

    /// Makes the headers of `joined`, of which this is the last segment, right.
    fn finish(&self, joined: &mut [u8]) {
        joined[self.tcp + 13] |= self.flags();
        let identification = word(joined, ETHERNET + 4);
        set_ip(joined, self.tcp - ETHERNET, identification);
        set_tcp_checksum(joined, self.tcp);
    }
}
