//! What a larger table costs: the same packets are handled with few entries and with many in the table of ports, of
//! neighbours, of paths or of fragments, and their instructions are compared.

use std::{
    cell::Cell,
    hint::black_box,
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    rc::Rc,
    time::Duration,
};

use anyhow::{Result, ensure};
use arp::Arp;
use ethernet::Ethernet;
use icmp::{Icmp, IcmpHeader};
use ipv4::{Fields, Ipv4, Ipv4Header, Limits};
use layer::{Cidr, Layer, Payload};
use netif::MacAddr;
use network::{Problem, Protocol};
use rt_regions::Region;
use udp::{PortSlot, Udp, UdpHeader};

use super::{Figure, NOW, PORT, Stack, Towers, arp_request};
use crate::{CLIENT, Cable, Frames, Host, SERVER};

/// From so many ports, neighbours or hosts requests come in turn, so that none of them is the first that is
/// found.
const TURNS: usize = 16;
/// From one of those to the next it is so far in the table: a prime number, so that all that is in it has a
/// turn.
const STRIDE: usize = 61;
/// The bytes of the first fragment of a datagram.
const FRAGMENT: usize = 1480;

/// IPv4 on a cable.
type Network<'g> = Ipv4<'g, Arp<'g, Ethernet<Cable>>>;

/// What a tower gets: first some frames once, which fill a table, and then others again and again.
struct Script {
    /// Both, one after the other.
    frames: Frames,
    /// How many come only once.
    once: usize,
    sent: Rc<Cell<u64>>,
}

impl Script {
    fn new(mut once: Vec<Vec<u8>>, again: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let count = once.len();
        once.extend(again);
        Self { frames: once.into(), once: count, sent: Rc::default() }
    }

    /// IPv4 with the address 10.0.0.2 in a network of 16 bits and the client for its gateway, where at most
    /// `datagrams` wait for fragments.
    fn ipv4<'g>(&self, datagrams: usize, region: &'g Region<'g>) -> Result<Network<'g>> {
        let cable = Cable::new(SERVER.mac, &self.frames, &self.sent).again_from(self.once);
        let cidr = Cidr::new(SERVER.ipv4, 16).expect("16 is the length of a prefix");
        let mut arp = Arp::new(Ethernet::new(cable), cidr, 7, region)?;
        arp.insert_static(CLIENT.ipv4, CLIENT.mac)?;
        let limits = Limits { datagrams, ..Limits::for_pool(region.require_pool()?) };
        Ok(Ipv4::with_limits(arp, 7, limits, region)?.with_gateway(Some(CLIENT.ipv4)))
    }

    /// All layers, with a service at each of `ports`.
    fn udp<'g>(&self, ports: &[u16], region: &'g Region<'g>) -> Result<Stack<'g>> {
        let slots = region.alloc_slice_with(ports.len(), |_| PortSlot::EMPTY)?;
        let icmp = Icmp::new(self.ipv4(1, region)?, 7);
        let mut udp = Udp::with_storage(icmp, 7, slots, region.require_pool()?);
        for &port in ports {
            udp.bind(port, |request, _region| Ok(request))?;
        }
        Ok(udp)
    }
}

impl<'g> Towers<'_, 'g> {
    /// Fills one table after the other.
    pub(super) fn growth(&mut self) -> Result<()> {
        for (layer, count) in [("1 port", 1), ("64 ports", 64), ("1000 ports", 1000)] {
            self.ports(layer, count)?;
        }
        for (layer, count) in [("1 neighbour", 1), ("1024 neighbours", 1024)] {
            self.neighbours(layer, count)?;
        }
        for (layer, count) in [("1 path", 1), ("4096 paths", 4096)] {
            self.paths(layer, count)?;
        }
        let datagrams = [("1 datagram", 1), ("256 datagrams", 256)];
        for (layer, count) in datagrams {
            self.flood(layer, count)?;
        }
        for (layer, count) in datagrams {
            self.two_fragments(layer, count)?;
        }
        for (layer, count) in datagrams {
            self.timeouts(layer, count)?;
        }
        Ok(())
    }

    /// Requests for `count` bound ports in turn.
    fn ports(&mut self, layer: &'static str, count: u16) -> Result<()> {
        let ports: Vec<u16> = (0..count).map(|number| PORT + 7 * number).collect();
        let turns = (0..TURNS).map(|turn| request(CLIENT, ports[turn * STRIDE % ports.len()]));
        let script = Script::new(Vec::new(), turns);
        let tower = script.udp(&ports, self.global)?;
        self.requests(Figure { scenario: "request to a port", layer }, tower, &script)?;
        Ok(())
    }

    /// Requests from `count` neighbours in turn, each of which has asked, was asked and has answered.
    fn neighbours(&mut self, layer: &'static str, count: u16) -> Result<()> {
        let neighbours: Vec<Host> =
            (0..count).map(|number| host([10, 0], 0x400 + number)).collect();
        let fill = neighbours.iter().flat_map(|&neighbour| {
            let asks = arp_request(neighbour).to_vec();
            [asks.clone(), request(neighbour, PORT), asks]
        });
        let turns = (0..TURNS).map(|turn| neighbours[turn * STRIDE % neighbours.len()]);
        let script = Script::new(fill.collect(), turns.map(|neighbour| request(neighbour, PORT)));
        let tower = script.udp(&[PORT], self.global)?;
        self.requests(Figure { scenario: "reply to a neighbour", layer }, tower, &script)?;
        Ok(())
    }

    /// Requests from `count` hosts behind the gateway in turn, the paths to which take less than the link does: the
    /// gateway has said so of each.
    fn paths(&mut self, layer: &'static str, count: u16) -> Result<()> {
        let behind = |number| Host { mac: CLIENT.mac, ..host([172, 16], number) };
        let fill = (0..count).map(|number| too_big(behind(number).ipv4));
        let turn = |turn| (turn * STRIDE % usize::from(count)) as u16;
        let turns = (0..TURNS).map(|number| request(behind(turn(number)), PORT));
        let script = Script::new(fill.collect(), turns);
        let tower = script.udp(&[PORT], self.global)?;
        let tower =
            self.requests(Figure { scenario: "reply over a path", layer }, tower, &script)?;
        let counters = tower.stats();
        let learnt = counters.icmp_errors - counters.paths_unconfirmed;
        ensure!(learnt == u64::from(count), "{layer}: {learnt} were learnt");
        Ok(())
    }

    /// First fragments of one datagram after the other, none of which becomes whole, while as many wait as
    /// may: the oldest gives way.
    fn flood(&mut self, layer: &'static str, count: u16) -> Result<()> {
        let script = Script::new(firsts(0..count), firsts(count..3 * count));
        let tower = script.ipv4(count.into(), self.global)?;
        self.fragments(
            Figure { scenario: "fragment", layer },
            tower,
            &script,
            1,
            Duration::ZERO,
            [1, 1, 0, 0],
        )
    }

    /// A datagram of two fragments after the other, while so many wait, it among them.
    fn two_fragments(&mut self, layer: &'static str, count: u16) -> Result<()> {
        let whole = [(0, FRAGMENT, true), (FRAGMENT, 64, false)];
        let whole = whole.map(|(offset, length, more)| fragment(CLIENT, 7, offset, length, more));
        let script = Script::new(firsts(1..count), whole);
        let tower = script.ipv4(count.into(), self.global)?;
        let figure = Figure { scenario: "two fragments", layer };
        self.fragments(figure, tower, &script, 2, Duration::ZERO, [2, 0, 1, 0])
    }

    /// First fragments come so far apart that each time one datagram's time is over, and so many wait.
    fn timeouts(&mut self, layer: &'static str, count: u16) -> Result<()> {
        let script = Script::new(firsts(0..count), firsts(count..3 * count));
        let pool = self.global.require_pool()?;
        let apart = Limits::for_pool(pool).timeout / u32::from(count);
        let tower = script.ipv4(usize::from(count) + 1, self.global)?;
        self.fragments(
            Figure { scenario: "timeout", layer },
            tower,
            &script,
            2,
            apart,
            [1, 0, 0, 1],
        )
    }

    /// Each request is answered with one frame: nobody is asked for anything any more. Gives the tower back.
    fn requests(
        &mut self,
        figure: Figure,
        mut tower: Stack<'g>,
        script: &Script,
    ) -> Result<Stack<'g>> {
        let (packet, mut all) = (&mut *self.packet, 0);
        for _ in 0..script.once {
            packet.reset();
            let Ok(_) = tower.receive(NOW, packet);
        }
        // Of what announces our own address, and of what the table was filled with.
        packet.reset();
        let Ok(_) = tower.receive(NOW, packet);
        let before = script.sent.get();
        (self.visit)(figure, &mut |times| {
            all += times;
            for _ in 0..times {
                packet.reset();
                let Ok(item) = tower.receive(NOW, packet);
                black_box(item.item());
            }
        })?;
        let Figure { scenario, layer } = figure;
        let sent = script.sent.get() - before;
        ensure!(sent == u64::from(all), "{scenario}, {layer}: {sent} frames sent, not {all}");
        Ok(tower)
    }

    /// Asks the tower `calls` times for each piece of work, which comes so far `apart` from the one before. `each` is
    /// how many fragments it receives, and how many datagrams are evicted, become whole, and run out of time by it.
    fn fragments(
        &mut self,
        figure: Figure,
        mut tower: Network<'g>,
        script: &Script,
        calls: u32,
        apart: Duration,
        each: [u64; 4],
    ) -> Result<()> {
        let (packet, mut now, mut all) = (&mut *self.packet, NOW, 0_u64);
        for _ in 0..script.once {
            packet.reset();
            let Ok(_) = tower.receive(now, packet);
            now += apart;
        }
        let before = tower.stats().fragments_rx;
        (self.visit)(figure, &mut |times| {
            all += u64::from(times);
            for _ in 0..times {
                for _ in 0..calls {
                    packet.reset();
                    let Ok(item) = tower.receive(now, packet);
                    black_box(item.item());
                }
                now += apart;
            }
        })?;
        let Figure { scenario, layer } = figure;
        let counters = tower.stats();
        let [timeouts, whole] = [counters.reassembly_timeouts, counters.reassembled];
        let (received, evicted) = (counters.fragments_rx - before, counters.reassembly_evicted);
        let expected = each.map(|count| count * all);
        let found = [received, evicted, whole, timeouts];
        ensure!(found == expected, "{scenario}, {layer}: {found:?}, not {expected:?}");
        Ok(())
    }
}

/// Host `number` of a network of 16 bits.
fn host([a, b]: [u8; 2], number: u16) -> Host {
    let [c, d] = number.to_be_bytes();
    Host { mac: MacAddr([2, 0, a, b, c, d]), ipv4: [a, b, c, d].into() }
}

/// A frame from `mac` to the server, with this IPv4 header and payload.
fn frame(mac: MacAddr, header: Ipv4Header, payload: impl Payload) -> Vec<u8> {
    let mut frame = [&SERVER.mac.0[..], &mac.0, &[8, 0]].concat();
    let packet = (header, payload);
    frame.resize(14 + packet.len(), 0);
    packet.copy_to(0, &mut frame[14..]);
    frame
}

fn fields(from: Host, protocol: Protocol, identification: u16) -> Fields {
    Fields {
        source: from.ipv4,
        destination: SERVER.ipv4,
        protocol,
        ttl: 64,
        tos: 0,
        identification,
        dont_fragment: false,
    }
}

/// 64 bytes to a port of the server.
fn request(from: Host, port: u16) -> Vec<u8> {
    let payload = &[7; 64][..];
    let [source, destination] =
        [(from, 4000), (SERVER, port)].map(|(host, port)| SocketAddr::new(host.ipv4.into(), port));
    let packet = (UdpHeader::new(source, destination, &payload), payload);
    let header = Ipv4Header::new(&fields(from, Protocol::UDP, 0), 0, packet.len(), false);
    frame(from.mac, header, packet)
}

fn fragment(from: Host, id: u16, offset: usize, length: usize, more: bool) -> Vec<u8> {
    let header = Ipv4Header::new(&fields(from, Protocol::UDP, id), offset, length, more);
    frame(from.mac, header, &vec![7; length][..])
}

/// First fragments of datagrams with these numbers, from 16 hosts.
fn firsts(numbers: Range<u16>) -> Vec<Vec<u8>> {
    let first = |number| fragment(host([10, 0], 0x400 + number % 16), number, 0, FRAGMENT, true);
    numbers.map(first).collect()
}

/// The gateway says that a datagram from [`PORT`] to `destination` was too big for what lies behind it
/// (RFC 1191 4).
fn too_big(destination: Ipv4Addr) -> Vec<u8> {
    let sent = Fields { destination, dont_fragment: true, ..fields(SERVER, Protocol::UDP, 0) };
    let ends = [(SERVER.ipv4, PORT), (destination, 4000)];
    let [from, to] = ends.map(|(host, port)| SocketAddr::new(host.into(), port));
    let udp = UdpHeader::partial(from, to, FRAGMENT);
    let quote = (Ipv4Header::new(&sent, 0, FRAGMENT, false), udp);
    let error = IcmpHeader::error(Problem::TooBig(1400), &quote);
    let packet = (error, quote);
    let header = Ipv4Header::new(&fields(CLIENT, Protocol::ICMP, 0), 0, packet.len(), false);
    frame(CLIENT.mac, header, packet)
}
