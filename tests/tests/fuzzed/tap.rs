//! What the kernel gives on a TAP device with offloads: a header of virtio, and a frame or many datagrams in one.

use std::{mem::MaybeUninit, num::NonZeroU16};

use etherparse::{Ethernet2Slice, IpNumber, Ipv4HeaderSlice, TcpHeaderSlice, UdpHeader};
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
    if header[1] == 1 {
        let [(one, checksums, segment_size)] = &came[..] else {
            panic!("{} frames of one", came.len())
        };
        let said = match header[0] & 3 {
            0 => Checksums::NotChecked,
            2 => Checksums::Verified,
            _ => Checksums::Blank,
        };
        assert_eq!(*checksums, said);
        return joined(frame, one, mtu, size, *segment_size);
    }
    let whole = Ethernet2Slice::from_slice_without_fcs(frame).expect("it has a header");
    let packet = Ipv4HeaderSlice::from_slice(whole.payload_slice()).expect("it is IPv4");
    let at = 14 + packet.slice().len() + 8;
    let end = 14 + usize::from(packet.total_len());
    let udp_len = usize::from(u16::from_be_bytes([frame[at - 4], frame[at - 3]]));
    assert_eq!(at - 8 + udp_len, end, "the lengths of the headers do not agree");
    let mut payload: Vec<u8> = Vec::new();
    for (number, (one, checksums, segment_size)) in came.iter().enumerate() {
        assert_eq!(*segment_size, None);
        assert!(one.len() - 14 <= mtu, "{} bytes for an MTU of {mtu}", one.len());
        assert_eq!(*checksums, Checksums::Blank);
        assert_eq!(one[..14], frame[..14]);
        let ours = Ipv4HeaderSlice::from_slice(&one[14..]).expect("each is IPv4");
        assert_eq!(frames::checksum(ours.slice()), 0, "the checksum of the header");
        assert_eq!(usize::from(ours.total_len()), one.len() - 14);
        assert_eq!(ours.identification(), packet.identification().wrapping_add(number as u16));
        assert_eq!((ours.source(), ours.destination()), (packet.source(), packet.destination()));
        assert_eq!((ours.options(), ours.ttl()), (packet.options(), packet.ttl()));
        let (udp, rest) = UdpHeader::from_slice(&one[14 + ours.slice().len()..]).expect("UDP");
        assert_eq!(usize::from(udp.length), rest.len() + 8);
        assert_eq!(frame[at - 8..at - 4], one[at - 8..at - 4], "the ports");
        assert_eq!(udp.checksum, 0);
        assert!(rest.len() == size || number + 1 == came.len(), "one that is not full");
        assert_eq!(place(one, rest), at);
        payload.extend(rest);
    }
    assert!(payload == frame[at..end], "the payload has changed");
}

/// TCP segments with `size` bytes of data, which were handed up as `one`.
fn joined(frame: &[u8], one: &[u8], mtu: usize, size: usize, segment_size: Option<NonZeroU16>) {
    let whole = Ethernet2Slice::from_slice_without_fcs(frame).expect("it has a header");
    let packet = Ipv4HeaderSlice::from_slice(whole.payload_slice()).expect("it is IPv4");
    assert!(!packet.is_fragmenting_payload() && packet.protocol() == IpNumber::TCP);
    assert!(*one == frame[..14 + usize::from(packet.total_len())], "something has changed");
    let tcp = TcpHeaderSlice::from_slice(&one[14 + packet.slice().len()..]).expect("it is TCP");
    let headers = packet.slice().len() + tcp.slice().len();
    let data = one.len() - 14 - headers;
    assert!(headers + size <= mtu, "segments longer than the MTU");
    assert_eq!(segment_size.map(|size| size.get().into()), Some(size).filter(|size| data > *size));
}
