//! TCP segments beyond the MTU, to and from the kernel: its TCP is the peer, in network namespaces of their own.

use std::{
    io::{Read, Write},
    mem::MaybeUninit,
    net::{Shutdown, TcpListener, TcpStream},
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
/// The data of a segment of an MTU of 1500 bytes.
const MSS: usize = 1460;
/// The most data that one frame carries.
const MOST: usize = 65_535 - 40;

const SYN: u8 = 2;
const ACK: u8 = 16;
const PSH: u8 = 8;
const FIN: u8 = 1;

fn memory() -> &'static Region<'static> {
    let pool = Pool::new(vec![MaybeUninit::uninit(); PAGES * PAGE_SIZE].leak());
    Box::leak(Box::new(Region::new(Box::leak(Box::new(pool)), "test")))
}

/// A device with offloads that is up, with the kernel at 10.0.0.1, which knows 10.0.0.2.
fn link() -> Tap {
    ip("tuntap add dev tap0 mode tap");
    ip(&format!("link set tap0 address {KERNEL}"));
    ip("addr add 10.0.0.1/24 dev tap0");
    ip("link set tap0 up");
    ip(&format!("neigh add 10.0.0.2 lladdr {MAC} dev tap0"));
    Tap::attach_with("tap0", MAC, true, memory()).unwrap()
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

/// The next frame, waited for.
fn next<'r>(tap: &mut Tap, region: &'r Region<'_>) -> RxFrame<'r> {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if let Rx::Item(frame) = tap.receive(region).unwrap() {
            return frame;
        }
        let event = tap.event();
        let mut fds = [PollFd::new(&event, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 })).unwrap();
    }
    panic!("nothing came");
}

/// A TCP segment over IPv4 in a frame.
struct Segment<'f> {
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    ports: [u8; 4],
    data: &'f [u8],
    /// The sum over all of it is right.
    is_right: bool,
    identification: u16,
}

fn open(frame: &[u8]) -> Segment<'_> {
    assert_eq!((&frame[12..15], frame[23]), (&[8, 0, 0x45][..], Protocol::TCP.0));
    let end = 14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| frame[at + byte]));
    let sum = Checksum::pseudo_header(
        number(26).to_be_bytes().into(),
        number(30).to_be_bytes().into(),
        Protocol::TCP,
        end - 34,
    );
    Segment {
        sequence: number(38),
        acknowledged: number(42),
        flags: frame[47],
        ports: [34, 35, 36, 37].map(|at| frame[at]),
        data: &frame[34 + 4 * usize::from(frame[46] >> 4)..end],
        is_right: sum.add(&frame[34..end]).is_valid(),
        identification: u16::from_be_bytes([frame[18], frame[19]]),
    }
}

/// The peer of one connection of the kernel, at 10.0.0.2: it acknowledges all that comes, and loses nothing.
struct Peer<'t> {
    tap: &'t mut Tap,
    ports: [u8; 4],
    to: [u8; 4],
    sent: u32,
    received: u32,
    region: Region<'static>,
}

/// An empty region in memory of its own.
fn packet_region() -> Region<'static> {
    Region::new(memory().pool().unwrap(), "packet")
}

impl<'t> Peer<'t> {
    /// Waits for the kernel to connect.
    fn accept(tap: &'t mut Tap) -> Self {
        let frame = next(tap, memory());
        let syn = open(frame.bytes);
        assert_eq!(syn.flags & SYN, SYN);
        let [a, b, c, d] = syn.ports;
        let (ports, received) = ([c, d, a, b], syn.sequence.wrapping_add(1));
        let mut peer = Self {
            tap,
            ports,
            to: [10, 0, 0, 1],
            sent: 0xffff_fff0,
            received,
            region: packet_region(),
        };
        // MSS 1460 and a window scale of 7.
        peer.send(SYN | ACK, &[2, 4, 5, 0xb4, 1, 3, 3, 7], &[], None);
        peer.sent = peer.sent.wrapping_add(1);
        peer
    }

    /// Connects to the kernel's port 80 at `to`.
    fn connect(tap: &'t mut Tap, to: [u8; 4]) -> Self {
        let mut peer = Self {
            tap,
            ports: [0x13, 0x88, 0, 80],
            to,
            sent: 0xffff_fff0,
            received: 0,
            region: packet_region(),
        };
        peer.send(SYN, &[2, 4, 5, 0xb4], &[], None);
        peer.sent = peer.sent.wrapping_add(1);
        peer
    }

    fn send(&mut self, flags: u8, options: &[u8], data: &[u8], size: Option<usize>) {
        let length = 20 + options.len() + data.len();
        let (ours, to) = ([10, 0, 0, 2], self.to);
        let total = ((20 + length) as u16).to_be_bytes();
        let head = [0x45, 0, total[0], total[1], 0xff, 0xfe, 0x40, 0, 64, 6, 0, 0];
        let mut ip = [&head[..], &ours, &to].concat();
        let sum = Checksum::new().add(&ip).finish();
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let sum = !Checksum::pseudo_header(ours.into(), to.into(), Protocol::TCP, length).finish();
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
        let headers = [&KERNEL.0[..], &MAC.0, &[8, 0], &ip, &tcp].concat();
        let checksum = Some(PartialChecksum { start: 34, ..PartialChecksum::TCP });
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
                assert!(segment.data.len() <= MSS || frame.segment_size.is_some());
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

    /// Sends all of `data` in pieces of at most `most` bytes, each acknowledged before the next.
    fn write_all(&mut self, data: &[u8], most: usize) {
        for piece in data.chunks(most) {
            self.send(ACK | PSH, &[], piece, Some(MSS).filter(|size| piece.len() > *size));
            self.sent = self.sent.wrapping_add(piece.len() as u32);
            while open(next(self.tap, &self.region).bytes).acknowledged != self.sent {
                self.region.reset();
            }
            self.region.reset();
        }
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
    assert!(tap.offloads().tcp_segmentation);
    let sent = data(1 << 20);
    let expected = sent.clone();
    let kernel = thread::spawn(move || {
        let mut stream = TcpStream::connect("10.0.0.2:80").unwrap();
        stream.write_all(&sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    let (received, sizes) = Peer::accept(&mut tap).read_to_end();
    assert!(received == expected);
    // A frame is joined of segments as large as ours say that they may be, or is small.
    assert!(sizes.iter().all(|size| size.is_none_or(|size| size == MSS as u16)), "{sizes:?}");
    let joined = sizes.iter().flatten().count();
    assert!(joined > 0 && sizes.len() < expected.len() / MSS / 4, "{} frames", sizes.len());
    assert_eq!(count(&tap, "rx_joined"), joined as u64);
    for name in ["rx_not_cut", "rx_too_long", "rx_no_room"] {
        assert_eq!(count(&tap, name), 0, "{name}");
    }
    drop(kernel.join().unwrap());
}

/// What we write in frames of 64 KiB arrives in the kernel's TCP as a stream.
#[test]
fn the_kernel_takes_one_piece_for_many_segments() {
    enter();
    let mut tap = link();
    let listener = TcpListener::bind("10.0.0.1:80").unwrap();
    let kernel = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = vec![0; 1 << 20];
        stream.read_exact(&mut received).unwrap();
        received
    });
    let mut peer = Peer::connect(&mut tap, [10, 0, 0, 1]);
    peer.received = open(next(peer.tap, memory()).bytes).sequence.wrapping_add(1);
    peer.send(ACK, &[], &[], None);
    let sent = data(1 << 20);
    // The window of the beginning is below 64 KiB.
    let (first, rest) = sent.split_at(200 * 1000);
    peer.write_all(first, 20_000);
    peer.write_all(rest, 40_000);
    let (frames, refused) = (count(&tap, "frames_tx"), count(&tap, "tx_refused"));
    assert!(kernel.join().unwrap() == sent);
    assert!(frames < 40 && refused == 0, "{frames} frames, {refused} refused");
}

/// To a host behind the kernel, on a link without offloads, the segments go as they are on a wire.
#[test]
fn the_kernel_cuts_what_goes_on() {
    enter();
    let mut tap = link();
    ip("tuntap add dev tap1 mode tap");
    ip("addr add 10.0.1.1/24 dev tap1");
    ip("link set tap1 up");
    ip(&format!("neigh add 10.0.1.2 lladdr {MAC} dev tap1"));
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    let mut wire = Tap::attach("tap1", MAC, memory()).unwrap();
    let mut peer = Peer::connect(&mut tap, [10, 0, 1, 2]);
    let sent = data(MOST);
    let start = peer.sent;
    peer.send(ACK | PSH, &[], &sent, Some(MSS));
    let mut received: Vec<u8> = Vec::new();
    let mut region = packet_region();
    assert_eq!(open(next(&mut wire, &region).bytes).flags, SYN);
    for number in 0_u16.. {
        region.reset();
        let frame = next(&mut wire, &region);
        let segment = open(frame.bytes);
        assert!(frame.bytes.len() <= 1514 && segment.is_right && frame.segment_size.is_none());
        assert_eq!(segment.sequence, start.wrapping_add(received.len() as u32));
        assert_eq!(segment.identification, 0xfffe_u16.wrapping_add(number));
        received.extend(segment.data);
        let is_last = received.len() == sent.len();
        assert_eq!(segment.flags, if is_last { ACK | PSH } else { ACK });
        if is_last {
            break;
        }
    }
    assert!(received == sent);
    assert_eq!((count(&tap, "frames_tx"), count(&tap, "tx_refused")), (2, 0));
}

/// What no kernel takes is counted, and the next frame goes.
#[test]
fn segments_that_lie_are_refused_by_the_kernel() {
    enter();
    let mut tap = link();
    let listener = TcpListener::bind("10.0.0.1:80").unwrap();
    let checksum = Some(PartialChecksum { start: 34, ..PartialChecksum::TCP });
    let offload = TxOffload { checksum, segment_size: NonZeroU16::new(MSS as u16) };
    // Shorter than their headers, and a header that ends outside.
    for length in [40, 47] {
        tap.transmit(&vec![0xff; length][..], offload).unwrap();
    }
    assert_eq!((count(&tap, "tx_refused"), count(&tap, "frames_tx")), (2, 0));
    let mut peer = Peer::connect(&mut tap, [10, 0, 0, 1]);
    let answer = next(peer.tap, memory());
    assert_eq!(open(answer.bytes).flags, SYN | ACK);
    peer.received = open(answer.bytes).sequence.wrapping_add(1);
    peer.send(ACK, &[], b"hello", None);
    let mut stream = listener.accept().unwrap().0;
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
}
