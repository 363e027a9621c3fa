//! TCP segments beyond the MTU, to and from the kernel: its TCP is the peer, in network namespaces of their own.

use std::{
    fs,
    io::{Read, Write},
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream},
    num::NonZeroU16,
    thread,
    time::{Duration, Instant},
};

use layer::{PartialChecksum, Rx, TxOffload};
use netif::{Checksums, MacAddr, Netif, RxFrame};
use netif_tap::Tap;
use network::{Checksum, Protocol};
use rt_regions::{PAGE_SIZE, Pool, Region};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::namespace::{enter, ip};

mod namespace;

const MAC: MacAddr = MacAddr([2, 0, 0x0a, 0, 0, 2]);
const KERNEL: MacAddr = MacAddr([2, 0, 0x0a, 0, 0, 1]);
/// A pool with room for the buffers of all offloads.
const PAGES: usize = 1024;
/// The kernel's addresses, and ours.
const IPV4: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2))];
const IPV6: [IpAddr; 2] = [IpAddr::V6(host(0, 1)), IpAddr::V6(host(0, 2))];

const fn host(network: u16, number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, network, 0, 0, 0, number)
}

/// The length of the header of a packet with this address, in bytes.
fn header_len(address: IpAddr) -> usize {
    if address.is_ipv4() { 20 } else { 40 }
}

/// The data of a segment of an MTU of 1500 bytes.
fn mss(address: IpAddr) -> usize {
    1500 - 20 - header_len(address)
}

const SYN: u8 = 2;
const ACK: u8 = 16;
const PSH: u8 = 8;
const FIN: u8 = 1;

fn memory() -> &'static Region<'static> {
    let pool = Pool::new(vec![MaybeUninit::uninit(); PAGES * PAGE_SIZE].leak());
    Box::leak(Box::new(Region::new(Box::leak(Box::new(pool)), "test")))
}

/// A device with offloads that is up, with the kernel at its addresses, which knows ours.
fn link() -> Tap {
    with_addresses("tap0", IPV4, IPV6);
    Tap::attach_with("tap0", MAC, true, memory()).unwrap()
}

/// Makes a device that is up, where the kernel has the first of each pair of addresses and knows the second.
fn with_addresses(device: &str, ipv4: [IpAddr; 2], ipv6: [IpAddr; 2]) {
    ip(&format!("tuntap add dev {device} mode tap"));
    ip(&format!("link set {device} address {KERNEL}"));
    fs::write(format!("/proc/sys/net/ipv6/conf/{device}/disable_ipv6"), "0").unwrap();
    ip(&format!("addr add {}/24 dev {device}", ipv4[0]));
    ip(&format!("addr add {}/64 dev {device} nodad", ipv6[0]));
    ip(&format!("link set {device} up"));
    for ours in [ipv4[1], ipv6[1]] {
        ip(&format!("neigh add {ours} lladdr {MAC} dev {device}"));
    }
}

fn count(tap: &Tap, name: &str) -> u64 {
    let mut count = None;
    tap.counters(&mut |counter| {
        if counter.name == name {
            count = Some(counter.value);
        }
    });
    count.unwrap()
}

/// The next frame with a TCP segment, waited for. The kernel sends others for IPv6: its groups, its search for routers.
fn next<'r>(tap: &mut Tap, region: &'r Region<'_>) -> RxFrame<'r> {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        match tap.receive(region).unwrap() {
            Rx::Item(frame) if is_tcp(frame.bytes) => return frame,
            Rx::Idle => {}
            _ => continue,
        }
        let event = tap.event();
        let mut fds = [PollFd::new(&event, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 })).unwrap();
    }
    panic!("nothing came");
}

fn is_tcp(frame: &[u8]) -> bool {
    match frame[12..15] {
        [8, 0, 0x45] => frame[23] == Protocol::TCP.0,
        [0x86, 0xdd, _] => frame[20] == Protocol::TCP.0,
        _ => false,
    }
}

/// A TCP segment in a frame.
struct Segment<'f> {
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    window: u16,
    ports: [u8; 4],
    data: &'f [u8],
    /// The sum over all of it is right.
    is_right: bool,
    /// Of IPv4.
    identification: u16,
}

fn open(frame: &[u8]) -> Segment<'_> {
    assert!(is_tcp(frame));
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let ipv4 = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
    let ipv6 = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&frame[at..at + 16]).unwrap());
    let (source, destination, end) = match frame[12] {
        8 => (ipv4(26), ipv4(30), 14 + usize::from(word(16))),
        _ => (ipv6(22), ipv6(38), 54 + usize::from(word(18))),
    };
    let tcp = 14 + header_len(source);
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| frame[tcp + at + byte]));
    let sum = Checksum::pseudo_header(source, destination, Protocol::TCP, end - tcp);
    Segment {
        sequence: number(4),
        acknowledged: number(8),
        flags: frame[tcp + 13],
        window: u16::from_be_bytes([frame[tcp + 14], frame[tcp + 15]]),
        ports: number(0).to_be_bytes(),
        data: &frame[tcp + 4 * usize::from(frame[tcp + 12] >> 4)..end],
        is_right: sum.add(&frame[tcp..end]).is_valid(),
        identification: word(18),
    }
}

/// The peer of one connection of the kernel, at our address: it acknowledges all that comes, and loses nothing.
struct Peer<'t> {
    tap: &'t mut Tap,
    ports: [u8; 4],
    to: IpAddr,
    ours: IpAddr,
    sent: u32,
    received: u32,
    region: Region<'static>,
}

/// An empty region in memory of its own.
fn packet_region() -> Region<'static> {
    Region::new(memory().pool().unwrap(), "packet")
}

impl<'t> Peer<'t> {
    /// Waits for the kernel to connect, at the second of its and our addresses.
    fn accept(tap: &'t mut Tap, [to, ours]: [IpAddr; 2]) -> Self {
        let frame = next(tap, memory());
        let syn = open(frame.bytes);
        assert_eq!(syn.flags & SYN, SYN);
        let [a, b, c, d] = syn.ports;
        let (ports, received) = ([c, d, a, b], syn.sequence.wrapping_add(1));
        let mut peer =
            Self { tap, ports, to, ours, sent: 0xffff_fff0, received, region: packet_region() };
        // The MSS and a window scale of 7.
        let [high, low] = (mss(ours) as u16).to_be_bytes();
        peer.send(SYN | ACK, &[2, 4, high, low, 1, 3, 3, 7], &[], None);
        peer.sent = peer.sent.wrapping_add(1);
        peer
    }

    /// Connects to port 80 at the first of these addresses from the second.
    fn connect(tap: &'t mut Tap, [to, ours]: [IpAddr; 2]) -> Self {
        let mut peer = Self {
            tap,
            // Another one for each family.
            ports: [0x13, 0x88 + u8::from(to.is_ipv6()), 0, 80],
            to,
            ours,
            sent: 0xffff_fff0,
            received: 0,
            region: packet_region(),
        };
        let [high, low] = (mss(ours) as u16).to_be_bytes();
        peer.send(SYN, &[2, 4, high, low], &[], None);
        peer.sent = peer.sent.wrapping_add(1);
        peer
    }

    fn send(&mut self, flags: u8, options: &[u8], data: &[u8], size: Option<usize>) {
        let length = 20 + options.len() + data.len();
        let (ours, to) = (self.ours, self.to);
        let (ethertype, ip) = ip_header(ours, to, length);
        let sum = !Checksum::pseudo_header(ours, to, Protocol::TCP, length).finish();
        let tcp = [
            &self.ports[..],
            &self.sent.to_be_bytes(),
            &self.received.to_be_bytes(),
            &[((20 + options.len()) as u8) << 2, flags, 0xff, 0xff],
            &sum.to_be_bytes(),
            &[0, 0],
            options,
        ]
        .concat();
        let headers = [&KERNEL.0[..], &MAC.0, &ethertype, &ip, &tcp].concat();
        let start = 14 + ip.len() as u16;
        let checksum = Some(PartialChecksum { start, ..PartialChecksum::TCP });
        let segment_size = size.and_then(|size| NonZeroU16::new(size as u16));
        self.tap.transmit((&headers[..], data), TxOffload { checksum, segment_size }).unwrap();
    }

    /// Receives until the end, and gives the data and the sizes of what was joined.
    fn read_to_end(&mut self) -> (Vec<u8>, Vec<Option<u16>>) {
        let (mut all, mut sizes) = (Vec::new(), Vec::new());
        loop {
            self.region.reset();
            let frame = next(self.tap, &self.region);
            let segment = open(frame.bytes);
            assert_eq!(frame.checksums, Checksums::Blank);
            if segment.sequence != self.received
                || (segment.data.is_empty() && segment.flags & FIN == 0)
            {
                continue;
            }
            if !segment.data.is_empty() {
                sizes.push(frame.segment_size.map(NonZeroU16::get));
                assert!(segment.data.len() <= mss(self.ours) || frame.segment_size.is_some());
                all.extend(segment.data);
            }
            let ends = segment.flags & FIN != 0;
            self.received = self.received.wrapping_add(segment.data.len() as u32 + u32::from(ends));
            self.send(ACK, &[], &[], None);
            if ends {
                return (all, sizes);
            }
        }
    }

    /// Sends all of `data` in pieces of at most `most` bytes, each when all before it is acknowledged and the window has room.
    fn write_all(&mut self, data: &[u8], most: usize) {
        for piece in data.chunks(most) {
            let size = Some(mss(self.ours)).filter(|size| piece.len() > *size);
            self.send(ACK | PSH, &[], piece, size);
            self.sent = self.sent.wrapping_add(piece.len() as u32);
            let mut is_taken = false;
            while !is_taken {
                self.region.reset();
                let answer = open(next(self.tap, &self.region).bytes);
                is_taken = answer.ports[3] == self.ports[1]
                    && answer.acknowledged == self.sent
                    && usize::from(answer.window) >= most;
            }
        }
    }
}

/// The EtherType and the header of a packet with a TCP segment of `length` bytes.
fn ip_header(source: IpAddr, destination: IpAddr, length: usize) -> ([u8; 2], Vec<u8>) {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [high, low] = ((20 + length) as u16).to_be_bytes();
            let head = [0x45, 0, high, low, 0xff, 0xfe, 0x40, 0, 64, 6, 0, 0];
            let mut header = [&head[..], &source.octets(), &destination.octets()].concat();
            let sum = Checksum::new().add(&header).finish();
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            ([8, 0], header)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [high, low] = (length as u16).to_be_bytes();
            let head = [0x60, 0, 0, 7, high, low, 6, 64];
            ([0x86, 0xdd], [&head[..], &source.octets(), &destination.octets()].concat())
        }
        _ => panic!("addresses of two families"),
    }
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 253) as u8).collect()
}

/// What the kernel's TCP writes comes in frames far beyond the MTU.
#[test]
fn what_the_kernel_joins_comes_in_one_piece() {
    enter();
    let mut tap = link();
    assert!(tap.offloads().tcp_segmentation && tap.offloads().tcp_segmentation_ipv6);
    let mut all_joined = 0;
    for addresses in [IPV4, IPV6] {
        let sent = data(4 << 20);
        let expected = sent.clone();
        let kernel = thread::spawn(move || {
            let mut stream = TcpStream::connect((addresses[1], 80)).unwrap();
            stream.write_all(&sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            stream
        });
        let (received, sizes) = Peer::accept(&mut tap, addresses).read_to_end();
        assert!(received == expected);
        // A frame is joined of segments as large as ours say that they may be, or is small.
        let most = mss(addresses[1]);
        assert!(sizes.iter().all(|size| size.is_none_or(|size| usize::from(size) == most)));
        let joined = sizes.iter().flatten().count();
        assert!(joined > 0 && sizes.len() < expected.len() / most / 4, "{} frames", sizes.len());
        all_joined += joined;
        drop(kernel.join().unwrap());
    }
    assert_eq!(count(&tap, "rx_joined"), all_joined as u64);
    for name in ["rx_not_cut", "rx_too_long", "rx_no_room"] {
        assert_eq!(count(&tap, name), 0, "{name}");
    }
}

/// What we write in frames of 64 KiB arrives in the kernel's TCP as a stream.
#[test]
fn the_kernel_takes_one_piece_for_many_segments() {
    enter();
    let mut tap = link();
    for addresses in [IPV4, IPV6] {
        let before = count(&tap, "frames_tx");
        let listener = TcpListener::bind((addresses[0], 80)).unwrap();
        let kernel = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut received = vec![0; 4 << 20];
            stream.read_exact(&mut received).unwrap();
            received
        });
        let mut peer = Peer::connect(&mut tap, addresses);
        let mut answer = open(next(peer.tap, memory()).bytes);
        // The connection before may still say goodbye.
        while answer.flags != SYN | ACK {
            answer = open(next(peer.tap, memory()).bytes);
        }
        peer.received = answer.sequence.wrapping_add(1);
        peer.send(ACK, &[], &[], None);
        let sent = data(4 << 20);
        // The window of the beginning is below 64 KiB.
        let (first, rest) = sent.split_at(200 * 1000);
        peer.write_all(first, 20_000);
        peer.write_all(rest, 40_000);
        let (frames, refused) = (count(&tap, "frames_tx") - before, count(&tap, "tx_refused"));
        assert!(kernel.join().unwrap() == sent);
        assert!(frames < 120 && refused == 0, "{frames} frames, {refused} refused");
    }
}

/// To a host behind the kernel, on a link without offloads, the segments go as they are on a wire.
#[test]
fn the_kernel_cuts_what_goes_on() {
    enter();
    let mut tap = link();
    let ipv4 = [[10, 0, 1, 1], [10, 0, 1, 2]].map(IpAddr::from);
    let ipv6 = [1, 2].map(|number| IpAddr::V6(host(1, number)));
    with_addresses("tap1", ipv4, ipv6);
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
    let mut wire = Tap::attach("tap1", MAC, memory()).unwrap();
    for addresses in [[ipv4[1], IPV4[1]], [ipv6[1], IPV6[1]]] {
        let before = count(&tap, "frames_tx");
        let mut peer = Peer::connect(&mut tap, addresses);
        let sent = data(65_535 - 20 - header_len(addresses[0]));
        let start = peer.sent;
        peer.send(ACK | PSH, &[], &sent, Some(mss(addresses[0])));
        let mut received: Vec<u8> = Vec::new();
        let mut region = packet_region();
        assert_eq!(open(next(&mut wire, &region).bytes).flags, SYN);
        for number in 0_u16.. {
            region.reset();
            let frame = next(&mut wire, &region);
            let segment = open(frame.bytes);
            assert!(frame.bytes.len() <= 1514 && segment.is_right && frame.segment_size.is_none());
            assert_eq!(segment.sequence, start.wrapping_add(received.len() as u32));
            let identification = 0xfffe_u16.wrapping_add(number);
            assert!(addresses[0].is_ipv6() || segment.identification == identification);
            received.extend(segment.data);
            let is_last = received.len() == sent.len();
            assert_eq!(segment.flags, if is_last { ACK | PSH } else { ACK });
            if is_last {
                break;
            }
        }
        assert!(received == sent);
        assert_eq!((count(&tap, "frames_tx") - before, count(&tap, "tx_refused")), (2, 0));
    }
}

/// What no kernel takes is counted, and the next frame goes.
#[test]
fn segments_that_lie_are_refused_by_the_kernel() {
    enter();
    let mut tap = link();
    let listener = TcpListener::bind("10.0.0.1:80").unwrap();
    let checksum = Some(PartialChecksum { start: 34, ..PartialChecksum::TCP });
    let offload = TxOffload { checksum, segment_size: NonZeroU16::new(1460) };
    // Shorter than their headers, and a header that ends outside.
    for length in [40, 47] {
        tap.transmit(&vec![0xff; length][..], offload).unwrap();
    }
    let mut ipv6 = [0xff; 67];
    ipv6[12..14].copy_from_slice(&[0x86, 0xdd]);
    tap.transmit(&ipv6[..60], offload).unwrap();
    tap.transmit(&ipv6[..], offload).unwrap();
    let refused = count(&tap, "tx_refused");
    assert_eq!((refused, count(&tap, "frames_tx")), (4, 0));
    let mut peer = Peer::connect(&mut tap, IPV4);
    let answer = next(peer.tap, memory());
    assert_eq!(open(answer.bytes).flags, SYN | ACK);
    peer.received = open(answer.bytes).sequence.wrapping_add(1);
    peer.send(ACK, &[], b"hello", None);
    let mut stream = listener.accept().unwrap().0;
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
}
