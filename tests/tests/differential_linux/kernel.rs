//! The other host: Linux.

use std::{
    fs,
    io::Write,
    mem::MaybeUninit,
    net::{Ipv4Addr, UdpSocket},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{
    Network,
    soak::frames::{ICMP, Ipv4, icmp},
};
use layer::Rx;
use netif::{MacAddr, Netif};
use netif_tap::Tap;
use rt_regions::{PAGE_SIZE, Pool, Region};

use super::frames::{OUR_MAC, PEER, PEER_MAC, PORT, Packet, US, to_us};

/// The device, in its namespace.
const DEVICE: &str = "tap0";
/// How long Linux may take to answer a ping.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// The identifier of our own pings, which no test sends.
const PING: [u8; 2] = [0xc0, 0xde];

/// What Linux is told, so that it does what a host has to do and no more.
const SETTINGS: [(&str, &str); 13] = [
    ("ipv6/conf/tap0/disable_ipv6", "1"),
    // Errors without a limit.
    ("ipv4/icmp_ratelimit", "0"),
    ("ipv4/icmp_ratemask", "0"),
    ("ipv4/icmp_echo_ignore_broadcasts", "1"),
    // Fragments of others do not end a datagram.
    ("ipv4/ipfrag_max_dist", "0"),
    ("ipv4/ipfrag_high_thresh", "268435456"),
    // Sources are looked at (RFC 1122 3.2.1.3).
    ("ipv4/conf/tap0/rp_filter", "1"),
    ("ipv4/conf/tap0/log_martians", "0"),
    // A packet for one host in a frame for all is dropped (RFC 1122 3.3.6).
    ("ipv4/conf/tap0/drop_unicast_in_l2_multicast", "1"),
    // A host can be the end of a source route (RFC 1122 3.2.1.8 (c)).
    ("ipv4/conf/all/accept_source_route", "1"),
    ("ipv4/conf/tap0/accept_source_route", "1"),
    // No redirects (RFC 1122 3.2.2.2: they are the one thing that would change a route).
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/tap0/accept_redirects", "0"),
];

/// Linux with the address [`US`] on a TAP device, in the network namespace of this thread.
pub(crate) struct Kernel {
    tap: Tap,
    packet: Region<'static>,
    service: UdpSocket,
    pings: u16,
}

/// Calls `test` with a kernel that was just set up.
pub(crate) fn with_kernel<T: Send>(test: impl FnOnce(&mut Kernel) -> T + Send) -> T {
    // The host of this network is the one that is tested; its service would be the test.
    let network =
        Network { interface: DEVICE.into(), host: US, service: PEER, ..Network::default() };
    let result = lab::in_namespace(network, |_| test(&mut Kernel::new()));
    result.unwrap_or_else(|error| panic!("{error:#}"))
}

impl Kernel {
    fn new() -> Self {
        // A TAP device lives as long as the program does.
        let memory = Box::leak(vec![MaybeUninit::uninit(); 128 * PAGE_SIZE].into_boxed_slice());
        let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
        let memory: &'static Region<'static> = Box::leak(Box::new(Region::new(pool, "memory")));
        for (name, value) in SETTINGS {
            set(name, value);
        }
        let (mac, peer) = (MacAddr(OUR_MAC), MacAddr(PEER_MAC));
        ip(&format!(
            "link set dev {DEVICE} address {mac}
             neighbour replace {PEER} lladdr {peer} nud permanent dev {DEVICE}
             route add default via {PEER} dev {DEVICE}"
        ));
        let tap = Tap::attach(DEVICE, MacAddr(PEER_MAC), memory).expect("the device is there");
        let service = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).expect("nobody has the port");
        service.set_nonblocking(true).expect("it can be");
        service.set_broadcast(true).expect("it can be");
        let mut kernel = Self { tap, packet: Region::new(pool, "packet"), service, pings: 0 };
        kernel.wait_until_up();
        kernel
    }

    /// Linux drops what it sends until it has noticed that somebody has opened the device.
    fn wait_until_up(&mut self) {
        let start = Instant::now();
        while !self.ping(Duration::from_millis(20), &mut Vec::new()) {
            assert!(start.elapsed() < REPLY_TIMEOUT, "Linux does not answer on {DEVICE}");
        }
        // Answers to pings that seemed lost.
        while self.receive().is_some() {}
    }

    /// How long fragments wait for the others, from the next datagram on.
    pub(crate) fn set_reassembly_timeout(&self, seconds: u8) {
        set("ipv4/ipfrag_time", &seconds.to_string());
    }

    /// Forgets what was learnt of neighbours.
    pub(crate) fn forget_neighbours(&self) {
        ip(&format!("neighbour flush dev {DEVICE}"));
    }

    /// Lets a frame arrive; gives what the kernel, and the service on it, sent then.
    pub(crate) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        // What the kernel sends by its own clock is no answer.
        while self.receive().is_some() {}
        self.tap.transmit(frame, layer::TxOffload::NONE).expect("the device is there");
        self.answers()
    }

    /// Waits; gives what the kernel sent in the meantime.
    pub(crate) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        thread::sleep(time);
        self.answers()
    }

    /// All that the kernel has to say of what it has heard: what comes before the answer to a ping that
    /// is sent now.
    fn answers(&mut self) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        assert!(self.ping(REPLY_TIMEOUT, &mut answers), "Linux no longer answers");
        if self.serve() {
            assert!(self.ping(REPLY_TIMEOUT, &mut answers), "Linux no longer answers");
        }
        answers
    }

    /// Echoes what has come to the service; says whether there was anything.
    fn serve(&mut self) -> bool {
        let (mut buffer, mut served) = (vec![0; 1 << 16], false);
        // A datagram with a wrong checksum is dropped at this moment, and says no more than that there
        // is nothing to be had.
        while let Ok((length, client)) = self.service.recv_from(&mut buffer) {
            // Who has no port, or cannot be sent to, has no reply.
            let _ = self.service.send_to(&buffer[..length], client);
            served = true;
        }
        served
    }

    /// Pings; gives all that comes before the answer, and whether that came.
    fn ping(&mut self, patience: Duration, before: &mut Vec<Vec<u8>>) -> bool {
        self.pings = self.pings.wrapping_add(1);
        let [high, low] = self.pings.to_be_bytes();
        let id = [PING[0], PING[1], high, low];
        let packet = Ipv4::new(PEER, US, ICMP).packet(&icmp(8, 0, &id));
        self.tap
            .transmit(&to_us(&packet)[..], layer::TxOffload::NONE)
            .expect("the device is there");
        let is_answer = |frame: &[u8]| {
            let payload = Packet::of(frame).filter(|packet| packet.protocol() == ICMP);
            payload.is_some_and(|packet| packet.payload() == icmp(0, 0, &id))
        };
        let start = Instant::now();
        loop {
            match self.receive() {
                Some(frame) if is_answer(&frame) => return true,
                Some(frame) => before.push(frame),
                None if start.elapsed() > patience => return false,
                None => thread::yield_now(),
            }
        }
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        self.packet.reset();
        match self.tap.receive(&self.packet).expect("the device is there") {
            Rx::Item(frame) => {
                assert!(frame.checksums.must_verify(), "a frame as it would be on a wire");
                Some(frame.bytes.to_vec())
            }
            Rx::Handled => panic!("a frame of Linux did not fit"),
            Rx::Idle => None,
        }
    }
}

/// Sets something of the network namespace of this thread (`sysctl net/…`).
pub(crate) fn set(name: &str, value: &str) {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).unwrap_or_else(|error| panic!("cannot set {path}: {error}"));
}

/// Runs commands of `ip`, one in a line.
pub(crate) fn ip(commands: &str) {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the tests need iproute2");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    stdin.write_all(commands.as_bytes()).expect("it reads");
    drop(stdin);
    assert!(child.wait().expect("it ends").success(), "ip refused: {commands}");
}
