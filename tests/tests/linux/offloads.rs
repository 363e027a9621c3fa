//! What the kernel does for the interface: checksums, fragments, many datagrams in one; and that nobody sees
//! it, on this host or beyond it.

use std::{
    fs,
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Layer as _, Payload, Rx};
use netif::{Capture, MacAddr, Recorder};
use netif_tap::Tap;
use network::{Checksum, Protocol};
use nix::sys::socket::{setsockopt, sockopt};
use rt_regions::{PAGE_SIZE, Pool, Region};
use testkit::{Random, bytes_of};
use udp::Udp;

use super::{
    process::ip,
    support::{PORT, ask, ask_text, connect, receive, with_service},
};
use crate::segments::{kernel, receive_segments, send_segments};

/// Lengths on both sides of every limit: of the padding, of one frame, of two, of a packet.
const SIZES: [usize; 17] =
    [0, 1, 2, 17, 18, 19, 64, 1400, 1471, 1472, 1473, 2951, 2952, 2953, 8192, 30_001, 65_507];
/// A host behind the service's, on another interface.
const BEYOND: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const BEYOND_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 2]);
/// The port that it asks from.
const CLIENT: u16 = 5000;

pub(crate) fn every_size_with_and_without() {
    for offloads in ["--offloads=on", "--offloads=off"] {
        with_service("echo", &[offloads], |lab, _| {
            let socket = connect(lab, PORT);
            for (seed, size) in SIZES.into_iter().enumerate() {
                let request = Random::new(seed as u64).bytes(size);
                assert!(ask(&socket, &request) == request, "{size} bytes, {offloads}");
            }
        });
    }
}

pub(crate) fn many_requests_at_once() {
    with_service("echo", &["--offloads=on", "--stats-port=9100"], |lab, _| {
        let counters = connect(lab, 9100);
        for (size, count) in [(64_usize, 64_usize), (1, 60), (500, 64), (1472, 44), (1000, 2)] {
            for together in [true, false] {
                let socket = connect(lab, PORT);
                setsockopt(&socket, sockopt::UdpGroSegment, &together).expect("Linux has UDP_GRO");
                // The last one is shorter.
                let length = size * (count - 1) + size.div_ceil(2);
                let requests = Random::new(length as u64).bytes(length);
                ask(&socket, "the neighbours have to find each other first");
                send_segments(&socket, &requests, size);
                let mut replies: Vec<Vec<u8>> = Vec::new();
                while replies.len() < count {
                    replies.extend(receive_segments(&socket));
                }
                let expected: Vec<_> = requests.chunks(size).collect();
                assert!(replies == expected, "{count} of {size} bytes came back changed");
            }
        }
        // Of the kernels that have it (6.2 and later), and no others, many in one are expected.
        let count = |name| -> u64 {
            let line = ask_text(&counters, format!("eth0.tap.{name}\n"));
            let value = line.trim().rsplit_once(' ').expect("a name and a value").1;
            value.parse().expect("a number")
        };
        assert_eq!(count("reads_cut") > 0, kernel() >= (6, 2));
        assert_eq!(count("writes_joined") > 0, kernel() >= (6, 2));
        for name in ["rx_not_cut", "rx_too_long", "rx_no_room", "tx_refused", "tx_bad_length"] {
            assert_eq!(count(name), 0, "{name}");
        }
    });
}

/// A slow service does not keep the first reply back until it has made the last one.
pub(crate) fn the_first_reply_does_not_wait_for_the_last() {
    // A service that is a function: one task for each request would make all of them progress together.
    with_service("sort", &["--offloads=on"], |lab, _| {
        // As many integers as a segment holds, out of order: most of the time is theirs on any machine.
        let digits =
            (0..700_u32).map(|at| format!("{} ", at.wrapping_mul(2_654_435_761) >> 16 & 7));
        let (socket, request) = (connect(lab, PORT), digits.collect::<String>());
        let one = ask(&socket, &request);
        let mut times = Vec::new();
        // On a busy machine either process may have to wait before it runs.
        let is_prompt = (0..20).any(|_| {
            let started = Instant::now();
            send_segments(&socket, request.repeat(40).as_bytes(), request.len());
            assert!(receive(&socket) == one);
            let first = started.elapsed();
            for _ in 1..40 {
                assert!(receive(&socket) == one);
            }
            times.push((first, started.elapsed()));
            first < started.elapsed() / 4
        });
        assert!(is_prompt, "the first replies and the last ones: {times:?}");
    });
}

/// A device that was opened with offloads and closed is as before for a program that knows nothing of them.
pub(crate) fn the_device_is_left_as_it_was() {
    with_service("echo", &["--offloads=on"], |lab, service| {
        ask(&connect(lab, PORT), "hello");
        service.signal(lab::Signal::SIGTERM).expect("it runs");
        thread::sleep(Duration::from_millis(300));
        let (frames, mut client) = (Frames::default(), None);
        Host::with("tap0", lab.network().service, &frames, |host| {
            let socket = connect(lab, PORT);
            socket.send(b"is it as before?").expect("it can be sent");
            host.serve_for(Duration::from_millis(300));
            client = Some(socket);
        });
        let frames = frames.datagrams();
        assert!(!frames.is_empty());
        for frame in frames {
            assert_complete(&frame);
        }
    });
}

/// The kernel completes checksums, and cuts, when it forwards what the service sent.
pub(crate) fn what_leaves_this_host_is_complete() {
    with_service("echo", &["--offloads=on", "--stats-port=9100"], |_, _| {
        ip("tuntap add dev tap1 mode tap");
        ip("address add 10.0.1.1/24 dev tap1");
        ip("link set dev tap1 up");
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("the namespace is ours");
        answers_completely(BEYOND, Some(Ipv4Addr::new(10, 0, 1, 1)));
    });
}

/// What goes through a bridge is complete; a bridge has no addresses and cuts nothing by itself.
pub(crate) fn what_crosses_a_bridge_is_complete() {
    with_service("echo", &["--offloads=on"], |_, _| {
        ip("tuntap add dev tap1 mode tap");
        ip("link add name br0 type bridge forward_delay 0");
        ip("address flush dev tap0");
        for port in ["tap0", "tap1"] {
            ip(&format!("link set dev {port} master br0 up"));
        }
        ip("link set dev br0 up");
        answers_completely(Ipv4Addr::new(10, 0, 0, 3), None);
    });
}

/// Asks the service from a host on `tap1`, whose device has no help of the kernel.
fn answers_completely(address: Ipv4Addr, gateway: Option<Ipv4Addr>) {
    let frames = Frames::default();
    Host::with_gateway("tap1", address, gateway, &frames, |host| {
        for (seed, size) in SIZES.into_iter().enumerate() {
            let request = Random::new(seed as u64).bytes(size);
            assert!(host.ask(&request) == request, "{size} bytes came back changed");
        }
        assert_eq!(host.udp.stats().bad_checksum, 0);
    });
    let datagrams = frames.datagrams();
    assert!(datagrams.len() >= SIZES.len(), "{} frames", datagrams.len());
    for frame in datagrams {
        assert_complete(&frame);
    }
}

/// The frame fits the link, and its checksums are there and right, as far as it shows.
fn assert_complete(frame: &[u8]) {
    assert!(frame.len() <= 14 + 1500, "{} bytes", frame.len());
    let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    let (header, udp) = (&frame[14..34], &frame[34..14 + total]);
    assert!(Checksum::new().add(header).is_valid(), "{header:x?}");
    let fragment = u16::from_be_bytes([frame[20], frame[21]]) & 0x3fff;
    if fragment & 0x1fff == 0 {
        assert_ne!(udp[6..8], [0, 0], "no checksum: {udp:x?}");
    }
    if fragment == 0 {
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
        let sum = Checksum::pseudo_header(address(26), address(30), Protocol::UDP, udp.len());
        assert!(sum.add(udp).is_valid(), "{udp:x?}");
    }
}

/// The frames of UDP that a host has received.
#[derive(Clone, Default)]
struct Frames(Arc<Mutex<Vec<Vec<u8>>>>);

impl Frames {
    /// Those that others sent.
    fn datagrams(&self) -> Vec<Vec<u8>> {
        let frames = self.0.lock().unwrap();
        let is_theirs = |frame: &&Vec<u8>| {
            frame.len() > 42
                && frame[12..14] == [8, 0]
                && frame[23] == 17
                && frame[6..12] != BEYOND_MAC.0
        };
        frames.iter().filter(is_theirs).cloned().collect()
    }
}

impl Recorder for Frames {
    fn record(&mut self, frame: &dyn Payload) {
        self.0.lock().unwrap().push(bytes_of(frame));
    }
}

type Stack = Udp<'static, Icmp<Ipv4<'static, Arp<'static, Ethernet<Capture<Tap, Frames>>>>>>;

/// A host with a tower of ours, on a device that does everything itself.
struct Host {
    udp: Stack,
    packet: Region<'static>,
    replies: &'static Mutex<Vec<Vec<u8>>>,
    /// The requests that were answered. One that was sent again is answered again, perhaps late.
    answered: Vec<Vec<u8>>,
    start: Instant,
}

impl Host {
    fn with(
        interface: &'static str,
        address: Ipv4Addr,
        frames: &Frames,
        test: impl FnOnce(&mut Self),
    ) {
        Self::with_gateway(interface, address, None, frames, test);
    }

    fn with_gateway(
        interface: &'static str,
        address: Ipv4Addr,
        gateway: Option<Ipv4Addr>,
        frames: &Frames,
        test: impl FnOnce(&mut Self),
    ) {
        let pool = Pool::new(vec![MaybeUninit::uninit(); 1024 * PAGE_SIZE].leak());
        let pool: &'static Pool<'static> = Box::leak(Box::new(pool));
        let memory: &'static Region<'static> = Box::leak(Box::new(Region::new(pool, "global")));
        let tap = Tap::attach(interface, BEYOND_MAC, memory).expect("the device is free");
        let cidr = Cidr::new(address, 24).expect("a prefix");
        let nic = Capture::new(tap, Some(frames.clone()));
        let arp = Arp::new(Ethernet::new(nic), cidr, 7, memory).expect("memory");
        let ipv4 = Ipv4::new(arp, 7, memory).expect("memory").with_gateway(gateway);
        let mut udp = Udp::new(Icmp::new(ipv4, 7), 7, memory).expect("memory");
        // What is bound has no destructor.
        let replies: &'static Mutex<Vec<Vec<u8>>> = Box::leak(Box::default());
        udp.bind(CLIENT, move |reply: &[u8], _| {
            replies.lock().unwrap().push(reply.to_vec());
            Err(udp::Failure::Silent)
        })
        .expect("the port is free");
        let packet = Region::new(pool, "packet");
        let (answered, start) = (Vec::new(), Instant::now());
        test(&mut Self { udp, packet, replies, answered, start });
    }

    /// Takes what comes in.
    fn serve_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end && self.replies.lock().unwrap().is_empty() {
            self.packet.reset();
            let now = self.now();
            match self.udp.receive(now, &self.packet).expect("the device works") {
                Rx::Item(item) => self.udp.unclaimed(now, item).expect("the device works"),
                Rx::Handled => {}
                Rx::Idle => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Asks the service, again where the neighbours have not found each other yet.
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let service = SocketAddr::new(Ipv4Addr::new(10, 0, 0, 2).into(), PORT);
        for _ in 0..10 {
            let now = self.now();
            let _ = self.udp.send(now, CLIENT, service, request).expect("the device works");
            self.serve_for(Duration::from_secs(1));
            let mut replies = std::mem::take(&mut *self.replies.lock().unwrap()).into_iter();
            if let Some(reply) = replies.find(|reply| !self.answered.contains(reply)) {
                self.answered.push(request.to_vec());
                return reply;
            }
        }
        panic!("no reply to {} bytes", request.len());
    }

    fn now(&self) -> layer::Instant {
        layer::Instant::from_nanos(self.start.elapsed().as_nanos() as u64)
    }
}
