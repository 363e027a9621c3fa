//! The whole tower: the input is a sequence of frames, of time between them and of other things that
//! happen to a host. After each of them nothing is lost, nothing is beyond its bound, and every frame that
//! was sent is right; in the end everything returns, and a good client is served.

use std::{net::Ipv4Addr, time::Duration};

use ::arp::{Arp, MAX_WAITING, MAX_WAITING_BYTES};
use ::ethernet::Ethernet;
use ::icmp::Icmp;
use ::ipv4::{Ipv4, Limits};
use ::udp::{Failure, Udp};
use layer::{Cidr, Instant, Layer, Networks, Rx};
use netif::{Checksums, MacAddr};
use network::{Outgoing, Protocol, Sent};
use rt_regions::{PAGE_SIZE, Pool, Region};
use testkit::{Wire, counter, with_pool};

use super::input::Input;
use crate::frames::{self, Mac};

mod sent;
mod steps;

use sent::Ledger;

type Tower<'g> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<testkit::End>>>>>;

/// The memory of the host: 2 MiB, as of a small guest.
const PAGES: usize = 512;
/// The echo.
const ECHO: u16 = 8080;
/// A service that allocates: it replies with its request twice.
const TWICE: u16 = 8081;
/// All counters.
const COUNTERS: u16 = 9100;
/// Ports that are bound and unbound.
const OTHERS: [u16; 3] = [7, 5353, 65_535];

pub(super) const OURS: (Mac, Ipv4Addr) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, 0, 0, 2));
/// The client that is served in the end. It is a neighbour in each of the networks.
const CLIENT: (Mac, Ipv4Addr) = ([2, 0, 0, 0, 0, 3], Ipv4Addr::new(10, 0, 0, 3));
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);

/// The longest that anything waits: an address that was given up ten times is probed for anew after 60
/// seconds, which takes up to 7 (RFC 5227).
const LONGEST_WAIT: Duration = Duration::from_secs(70);
/// How long it takes at most to find out which station has an address, in milliseconds.
const DISPUTE: u64 = 500;
/// After how many milliseconds the client answers, each time.
const TICK: u64 = 50;

struct Host<'g> {
    tower: Tower<'g>,
    wire: Wire,
    packet: Region<'g>,
    pool: &'g Pool<'g>,
    now: Instant,
    limits: Limits,
    ledger: Ledger,
    /// How many services and listeners are bound.
    bound: usize,
}

impl<'g> Host<'g> {
    /// A host as the first two bytes of an input want it.
    fn new(input: &mut Input<'_>, global: &'g Region<'g>) -> Self {
        let (settings, link) = (input.byte(), input.byte());
        let pool = global.pool().expect("the region has a pool");
        let (wire, mut end) = Wire::new(MacAddr(OURS.0));
        end.mtu = [1500, 576, 68, 9000][usize::from(link & 3)];
        end.checksums = [Checksums::NotChecked, Checksums::Verified, Checksums::Blank]
            [usize::from(link >> 2) % 3];
        let prefix = [24, 16, 31, 8][usize::from(settings & 3)];
        let cidr = Cidr::new(OURS.1, prefix).expect("prefixes are up to 32");
        let probing = settings & 4 != 0;
        let gateway = (settings & 8 != 0).then_some(GATEWAY);
        let ledger = Ledger::new(end.mtu, cidr, probing);

        let start = "there is room at the start";
        let arp = Arp::new(Ethernet::new(end), cidr, 7, global).expect(start);
        let arp = if probing { arp.with_probing() } else { arp };
        let limits = Limits::for_pool(pool);
        let ipv4 = Ipv4::with_limits(arp, 7, limits, global).expect(start);
        let mut tower = Udp::new(Icmp::new(ipv4.with_gateway(gateway), 7), 7, global).expect(start);
        tower.bind(ECHO, |request, _| Ok(request)).expect(start);
        let twice = tower.bind(TWICE, |request, region| {
            let child = region.child("half");
            let half = child.alloc_slice(request)?;
            Ok(region.alloc_slice_with(2 * half.len(), |i| half[i % half.len()])?)
        });
        twice.expect(start);
        tower
            .serve_counters(Some(COUNTERS), Networks::default().and(cidr))
            .expect("the port is free");
        let packet = Region::new(pool, "packet");
        let now = Instant::from_millis(1);
        Self { tower, wire, packet, pool, now, limits, ledger, bound: 2 }
    }

    /// Lets a frame arrive.
    fn hears(&mut self, frame: &[u8]) {
        self.wire.push(frame);
        self.ledger.heard = frame.to_vec();
        self.turn(1);
    }

    /// Lets time pass.
    fn waits(&mut self, time: Duration) {
        self.now += time;
        self.turn(0);
    }

    /// Does what is to be done when `frames` have arrived, and checks it.
    fn turn(&mut self, frames: usize) {
        // Each datagram that times out takes a round, and then there is nothing more.
        let most = frames + self.limits.datagrams + 1;
        let mut rounds = 0;
        loop {
            self.packet.reset();
            let Ok(received) = self.tower.receive(self.now, &self.packet);
            match received {
                Rx::Item(item) => {
                    let Ok(()) = self.tower.unclaimed(self.now, item);
                }
                Rx::Handled => {}
                Rx::Idle => break,
            }
            rounds += 1;
            assert!(rounds <= most, "there is no end of what it finds to do");
        }
        self.packet.reset();
        self.ledger.small_mtus = counter(&self.tower, "ipv4", "small_mtus") > 0;
        self.ledger.displaced = counter(&self.tower, "ipv4", "paths_displaced") > 0;
        self.ledger.check(self.now, self.wire.drain());
        self.check();
    }

    fn label(&self, name: &str) -> (usize, usize) {
        let label = self.pool.labels().find(|label| label.name() == name);
        label.map_or((0, 0), |label| (label.live(), label.pages()))
    }

    /// No page is lost, and every bound holds.
    fn check(&self) {
        let pool = self.pool;
        let in_labels: usize = pool.labels().map(|label| label.pages()).sum();
        assert_eq!(pool.pages() - pool.free_pages(), in_labels, "a page was lost");
        for label in pool.labels() {
            let (live, pages) = match label.name() {
                "ipv4.reassembly" => (self.limits.datagrams, self.limits.bytes / PAGE_SIZE),
                "arp-waiting" => {
                    (MAX_WAITING, (pool.pages() / 8).max(MAX_WAITING_BYTES / PAGE_SIZE))
                }
                "udp.service" | "udp.errors" => (self.bound, self.bound),
                // The page that stays with it.
                "packet" => (1, 1),
                "global" => continue,
                // Whatever else there is belongs to one packet.
                _ => (0, 0),
            };
            assert!(label.live() <= live && label.pages() <= pages, "beyond its bound: {label}");
        }
        let deadline = self.tower.next_deadline();
        assert!(deadline.is_none_or(|deadline| self.now < deadline), "{deadline:?} is over");
    }

    /// Sends a datagram that nobody asked for.
    fn sends(&mut self, port: u16, to: (Ipv4Addr, u16), outgoing: Outgoing, payload: &[u8]) {
        let before = counter(&self.tower, "udp", "not_sent");
        self.ledger.spoke.push(port);
        let Ok(sent) = self.tower.send_with(self.now, port, to.1, outgoing, payload);
        let refused = matches!(sent, Sent::NotSent(_));
        assert_eq!(counter(&self.tower, "udp", "not_sent") - before, u64::from(refused));
        self.turn(0);
    }

    /// Nothing happens any more: everything comes back, and a client that does all as it should is served.
    fn rest(&mut self) {
        self.pool.keep_back(0);
        self.pool.refuse(0);
        let end = self.now + LONGEST_WAIT;
        while self.now < end {
            // As the loop of a runtime would: at the deadline, or a little later.
            let next = self.tower.next_deadline().unwrap_or(end).min(end);
            self.waits(next.since(self.now).max(Duration::from_millis(50)));
        }
        for name in ["ipv4.reassembly", "arp-waiting"] {
            assert_eq!(self.label(name), (0, 0), "{name}: something was left behind");
        }
        let ask = frames::arp(1, CLIENT, ([0; 6], OURS.1));
        self.hears(&frames::ethernet(frames::BROADCAST, CLIENT.0, 0x0806, &ask));
        assert_eq!(self.ledger.arp_replies.pop(), Some(CLIENT), "the client gets no answer");
        // Another station may have been known at its address: both are asked, and the client answers.
        let answer = frames::arp(2, CLIENT, (OURS.0, OURS.1));
        for _ in 0..DISPUTE / TICK {
            self.waits(Duration::from_millis(TICK));
            self.hears(&frames::ethernet(OURS.0, CLIENT.0, 0x0806, &answer));
        }
        let datagram = frames::udp((CLIENT.1, 4000), (OURS.1, ECHO), b"hello");
        let packet = frames::Ipv4::new(CLIENT.1, OURS.1, frames::UDP).packet(&datagram);
        self.ledger.datagrams.clear();
        self.hears(&frames::ethernet(OURS.0, CLIENT.0, 0x0800, &packet));
        let reply = (CLIENT.0, CLIENT.1, [ECHO, 4000], b"hello".to_vec());
        assert_eq!(self.ledger.datagrams, [reply], "the client is not served");
    }
}

/// Runs the program that the input is.
pub(crate) fn run(program: &[u8]) {
    let mut input = Input::new(program);
    with_pool(PAGES, |pool| {
        let global = Region::new(pool, "global");
        let mut host = Host::new(&mut input, &global);
        host.turn(0);
        while !input.is_empty() {
            host.step(&mut input);
        }
        host.rest();
    });
}
