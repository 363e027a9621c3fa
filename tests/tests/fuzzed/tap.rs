//! What the kernel gives on a TAP device with offloads: a header of virtio, and a frame or many datagrams in one.

use std::{mem::MaybeUninit, num::NonZeroU16};

use etherparse::{
    Ethernet2Slice, IpNumber, IpSlice, Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, UdpHeader,
};
use netif::Checksums;
use netif_tap::testing::{buffer_len, receive};
use rt_regions::{PAGE_SIZE, Pool, Region};

use super::{Input, parsers::place};
use crate::frames;

/// The length of the header of virtio.
const HEADER: usize = 10;
/// The MTUs that a device may have.
const MTUS: [usize; 4] = [1500, 68, 576, 9000];

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let mtu = MTUS[input.below(MTUS.len())];
    let read = input.rest();
    let mut buffer = vec![0xee; buffer_len(mtu)];
    let mut memory = [MaybeUninit::uninit(); 18 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    let mut region = Region::new(&pool, "packet");
    let mut came = Vec::new();
    let taken = receive(read, mtu, &mut buffer, &mut region, &mut |frame| {
        came.push((frame.bytes.to_vec(), frame.checksums, frame.segment_size));
    });
    if !taken {
        assert!(came.is_empty(), "refused, and handed up");
        return;
    }
    let (header, frame) = read.split_at(HEADER);
    // Of a fragment no checksum is blank.
    let is_fragment =
        frame.len() >= 42 && frame[12..14] == [8, 0] && (frame[20] & 0x3f, frame[21]) != (0, 0);
    let is_fragment = is_fragment || is_fragment_of_ipv6(frame);
    let blank = header[0] & 1 != 0 && !is_fragment;
    let most = mtu + 18;
    if header[1] == 0 {
        let [(one, checksums, None)] = &came[..] else { panic!("{} frames of one", came.len()) };
        assert!(one.len() <= most && one.len() == frame.len(), "{} bytes", one.len());
        assert_eq!(*checksums == Checksums::Blank, blank);
        // Nothing is changed but a checksum that is blank.
        let start = usize::from(u16::from_ne_bytes([header[6], header[7]])) + 6;
        for (at, (ours, theirs)) in one.iter().zip(frame).enumerate() {
            assert!(ours == theirs || (blank && *ours == 0 && (start..start + 2).contains(&at)));
        }
        return;
    }
    let size = usize::from(u16::from_ne_bytes([header[4], header[5]]));
    if matches!(header[1], 1 | 4) {
        let [(one, checksums, segment_size)] = &came[..] else {
            panic!("{} frames of one", came.len())
        };
        let said = match header[0] & 3 {
            0 => Checksums::NotChecked,
            2 => Checksums::Verified,
            _ => Checksums::Blank,
        };
        assert_eq!(*checksums, said);
        let is_ipv6 = joined(frame, one, mtu, size, *segment_size);
        assert_eq!(is_ipv6, header[1] == 4, "of the other family");
        return;
    }
    let (transport, end, ..) = packet(frame, IpNumber::UDP);
    let at = transport + 8;
    let udp_len = usize::from(u16::from_be_bytes([frame[at - 4], frame[at - 3]]));
    assert_eq!(at - 8 + udp_len, end, "the lengths of the headers do not agree");
    let mut payload: Vec<u8> = Vec::new();
    for (number, (one, checksums, segment_size)) in came.iter().enumerate() {
        assert_eq!(*segment_size, None);
        assert!(one.len() - 14 <= mtu, "{} bytes for an MTU of {mtu}", one.len());
        assert_eq!(*checksums, Checksums::Blank);
        assert_eq!(one[..14], frame[..14]);
        same_header(&frame[14..], &one[14..], number as u16);
        let (ours, ends, _) = packet(one, IpNumber::UDP);
        assert_eq!((ours, ends), (transport, one.len()));
        let (udp, rest) = UdpHeader::from_slice(&one[ours..]).expect("UDP");
        assert_eq!(usize::from(udp.length), rest.len() + 8);
        assert_eq!(frame[at - 8..at - 4], one[at - 8..at - 4], "the ports");
        assert_eq!(udp.checksum, 0);
        assert!(rest.len() == size || number + 1 == came.len(), "one that is not full");
        assert_eq!(place(one, rest), at);
        payload.extend(rest);
    }
    assert!(payload == frame[at..end], "the payload has changed");
}

/// The packet of IPv4 or IPv6 in `frame`, which is whole and carries `protocol`: where its payload begins and ends, and
/// whether it is of IPv6.
fn packet(frame: &[u8], protocol: IpNumber) -> (usize, usize, bool) {
    let whole = Ethernet2Slice::from_slice_without_fcs(frame).expect("it has a header");
    let packet = IpSlice::from_slice(whole.payload_slice()).expect("it is a packet");
    let payload = packet.payload();
    assert!(!payload.fragmented && payload.ip_number == protocol);
    let at = place(frame, payload.payload);
    (at, at + payload.payload.len(), matches!(packet, IpSlice::Ipv6(_)))
}

/// Whether etherparse finds a fragment header in a packet of IPv6.
fn is_fragment_of_ipv6(frame: &[u8]) -> bool {
    if frame.len() < 42 || frame[12..14] != [0x86, 0xdd] {
        return false;
    }
    // The walk of a network card, which looks at no length but those of the extension headers.
    let (mut at, mut next) = (54, frame[20]);
    while let 0 | 43 | 60 = next
        && (next != 0 || at == 54)
        && let Some(&[following, length]) = frame.get(at..at + 2)
    {
        (at, next) = (at + 8 + 8 * usize::from(length), following);
    }
    next == 44
}

/// The header of the packet `one` is that of `all`, of which it is the datagram with this number.
fn same_header(all: &[u8], one: &[u8], number: u16) {
    if all[0] >> 4 == 6 {
        let [all_6, one_6] =
            [all, one].map(|packet| Ipv6HeaderSlice::from_slice(packet).expect("each is IPv6"));
        assert_eq!(usize::from(one_6.payload_length()), one.len() - 40);
        assert_eq!((&one[..4], &one[6..40]), (&all[..4], &all[6..40]));
        assert_eq!(all_6.next_header(), one_6.next_header());
        return;
    }
    let [all, ours] =
        [all, one].map(|packet| Ipv4HeaderSlice::from_slice(packet).expect("each is IPv4"));
    assert_eq!(frames::checksum(ours.slice()), 0, "the checksum of the header");
    assert_eq!(usize::from(ours.total_len()), one.len());
    assert_eq!(ours.identification(), all.identification().wrapping_add(number));
    assert_eq!((ours.source(), ours.destination()), (all.source(), all.destination()));
    assert_eq!((ours.options(), ours.ttl()), (all.options(), all.ttl()));
}

/// TCP segments with `size` bytes of data, which were handed up as `one`. Says whether they are of IPv6.
fn joined(
    frame: &[u8],
    one: &[u8],
    mtu: usize,
    size: usize,
    segment_size: Option<NonZeroU16>,
) -> bool {
    let (at, end, is_ipv6) = packet(frame, IpNumber::TCP);
    assert!(*one == frame[..end], "something has changed");
    let tcp = TcpHeaderSlice::from_slice(&one[at..]).expect("it is TCP");
    let headers = at - 14 + tcp.slice().len();
    let data = one.len() - 14 - headers;
    assert!(headers + size <= mtu, "segments longer than the MTU");
    assert_eq!(segment_size.map(|size| size.get().into()), Some(size).filter(|size| data > *size));
    is_ipv6
}
