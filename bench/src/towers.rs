//! Towers of growing height, and the same work for each: what a layer costs is what it adds.

use std::{
    cell::Cell, convert::Infallible, hint::black_box, mem::MaybeUninit, net::SocketAddr, rc::Rc,
};

use anyhow::{Result, ensure};
use arp::Arp;
use ethernet::{EtherType, Ethernet, Link, Neighbours};
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Instant, Layer, TxOffload};
use netif::Netif;
use network::{Checksum, Network, Outgoing, Protocol};
use rt_regions::{PAGE_SIZE, Pool, Region};
use udp::Udp;

use crate::{CLIENT, Cable, Frames, Host, SERVER, frames};

mod growth;

/// The layers from the lowest to the highest.
pub const LAYERS: [&str; 6] = ["netif", "ethernet", "arp", "ipv4", "icmp", "udp"];

/// The scenarios that are not about layers: what they name in the place of one is a size in bytes.
const SIZES: [&str; 6] = ["64", "576", "1472", "4096", "16384", "65507"];

/// Pages of the pool: as many as a service has that was not told otherwise.
const PAGES: usize = 16 << 10;

const PORT: u16 = 8080;
const NOW: Instant = Instant::ZERO;

/// What one piece of work is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What is done: `receive 64`, …
    pub scenario: &'static str,
    /// The layer on top of the tower, one of [`LAYERS`]; or the number of bytes; or what is in a table: `64 ports`, …
    pub layer: &'static str,
}

impl Figure {
    /// Whether this is all that is done for a request or a fragment, and not a part of a tower or bytes alone. Then
    /// the cache lines that it touches are of interest too.
    pub fn is_whole(&self) -> bool {
        self.scenario.starts_with("echo") || self.layer.contains(' ')
    }
}

/// Who is shown each piece of work: what it is called, and a function that does it so many times.
pub type Visit<'a> = dyn FnMut(Figure, &mut dyn FnMut(u32)) -> Result<()> + 'a;

/// What a service stands on, but for the device.
type Stack<'g> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<Cable>>>>>;

/// Shows each piece of work to `visit`: its name, and a function that does it so many times.
///
/// # Errors
/// There is not enough memory; `visit` fails; or a tower does not do what it is there for.
pub fn measure(visit: &mut Visit<'_>) -> Result<()> {
    let memory = vec![MaybeUninit::uninit(); PAGES * PAGE_SIZE].leak();
    let pool = Pool::new(memory);
    let (global, mut packet) = (Region::new(&pool, "global"), Region::new(&pool, "packet"));
    let mut towers = Towers { global: &global, packet: &mut packet, visit };
    towers.receive("receive 64", &frames(CLIENT, 0, SERVER, PORT, 64)?, 0)?;
    towers.receive("receive 8192", &frames(CLIENT, 0, SERVER, PORT, 8192)?, 0)?;
    towers.receive("arp request", &vec![arp_request(CLIENT).to_vec()].into(), 1)?;
    towers.send("send 64", 64)?;
    towers.send("send 8192", 8192)?;
    towers.echo("echo 64", 64)?;
    towers.echo("echo 1400", 1400)?;
    towers.echo("echo 8192", 8192)?;
    towers.bytes()?;
    towers.growth()
}

struct Towers<'a, 'g> {
    global: &'g Region<'g>,
    packet: &'a mut Region<'g>,
    visit: &'a mut Visit<'a>,
}

impl<'g> Towers<'_, 'g> {
    fn ethernet(&self, incoming: &Frames, sent: &Rc<Cell<u64>>) -> Ethernet<Cable> {
        Ethernet::new(Cable::new(SERVER.mac, incoming, sent))
    }

    /// With the client in its cache.
    fn arp(&self, incoming: &Frames, sent: &Rc<Cell<u64>>) -> Result<Arp<'g, Ethernet<Cable>>> {
        let mut arp = Arp::new(self.ethernet(incoming, sent), SERVER.cidr()?, 7, self.global)?;
        arp.insert_static(CLIENT.ipv4, CLIENT.mac)?;
        Ok(arp)
    }

    fn ipv4(
        &self,
        incoming: &Frames,
        sent: &Rc<Cell<u64>>,
    ) -> Result<Ipv4<'g, Arp<'g, Ethernet<Cable>>>> {
        Ok(Ipv4::new(self.arp(incoming, sent)?, 7, self.global)?)
    }

    fn udp(&self, incoming: &Frames, sent: &Rc<Cell<u64>>) -> Result<Stack<'g>> {
        let mut udp = Udp::new(Icmp::new(self.ipv4(incoming, sent)?, 7), 7, self.global)?;
        udp.bind(PORT, |request, _region| Ok(request))?;
        Ok(udp)
    }

    /// Takes all of `incoming` in, each frame as the loop of a runtime does it. A tower that has all the
    /// layers down from ARP sends `answers` frames each time.
    fn receive(&mut self, scenario: &'static str, incoming: &Frames, answers: u64) -> Result<()> {
        let sent = Rc::default();
        let count = incoming.len();
        let mut cable = Cable::new(SERVER.mac, incoming, &sent);
        let packet = &mut *self.packet;
        (self.visit)(Figure { scenario, layer: "netif" }, &mut |times| {
            for _ in 0..times as usize * count {
                packet.reset();
                let Ok(frame) = cable.receive(packet);
                black_box(frame.item());
            }
        })?;
        self.receive_on("ethernet", scenario, self.ethernet(incoming, &sent), count)?;
        ensure!(sent.get() == 0, "nothing is to be sent below ARP");
        self.receive_and_count("arp", scenario, self.arp(incoming, &sent)?, count, &sent, answers)?;
        self.receive_and_count(
            "ipv4",
            scenario,
            self.ipv4(incoming, &sent)?,
            count,
            &sent,
            answers,
        )?;
        let icmp = Icmp::new(self.ipv4(incoming, &sent)?, 7);
        self.receive_and_count("icmp", scenario, icmp, count, &sent, answers)?;
        self.receive_and_count("udp", scenario, self.udp(incoming, &sent)?, count, &sent, answers)
    }

    fn receive_and_count<L: Layer<Error = Infallible>>(
        &mut self,
        layer: &'static str,
        scenario: &'static str,
        tower: L,
        count: usize,
        sent: &Cell<u64>,
        answers: u64,
    ) -> Result<()> {
        let before = sent.get();
        let times = self.receive_on(layer, scenario, tower, count)?;
        let (sent, expected) = (sent.get() - before, u64::from(times) * answers);
        // ARP announces our address once.
        ensure!(sent == expected + 1, "{scenario}, {layer}: {sent} frames sent, not {expected}");
        Ok(())
    }

    /// Returns how often `incoming` came.
    fn receive_on<L: Layer<Error = Infallible>>(
        &mut self,
        layer: &'static str,
        scenario: &'static str,
        mut tower: L,
        count: usize,
    ) -> Result<u32> {
        let (packet, mut all) = (&mut *self.packet, 0);
        (self.visit)(Figure { scenario, layer }, &mut |times| {
            all += times;
            for _ in 0..times as usize * count {
                packet.reset();
                let Ok(item) = tower.receive(NOW, packet);
                black_box(item.item());
            }
        })?;
        Ok(all)
    }

    /// Sends a datagram of `size` bytes to the client, from every height.
    fn send(&mut self, scenario: &'static str, size: usize) -> Result<()> {
        let (nothing, sent): (Frames, _) = (Rc::new([]), Rc::default());
        let frames = frames(SERVER, PORT, CLIENT, 4000, size)?;
        let packets = || frames.iter().map(|frame| &frame[14..]);
        let payload = vec![7; size];
        let datagram = vec![7; size + 8];
        let outgoing = Outgoing::new(CLIENT.ipv4.into(), Protocol::UDP);
        let client = SocketAddr::new(CLIENT.ipv4.into(), 4000);
        let mut cable = Cable::new(SERVER.mac, &nothing, &sent);
        let mut ethernet = self.ethernet(&nothing, &sent);
        let mut arp = self.arp(&nothing, &sent)?;
        let mut ipv4 = self.ipv4(&nothing, &sent)?;
        let mut icmp = Icmp::new(self.ipv4(&nothing, &sent)?, 7);
        let mut udp = self.udp(&nothing, &sent)?;
        let mut all = 0_u32;
        let mut show = |layer, send: &mut dyn FnMut()| {
            (self.visit)(Figure { scenario, layer }, &mut |times| {
                all += times;
                for _ in 0..times {
                    send();
                }
            })
        };
        show("netif", &mut || {
            for frame in frames.iter() {
                let Ok(()) = cable.transmit(&**frame, TxOffload::NONE);
            }
        })?;
        show("ethernet", &mut || {
            for packet in packets() {
                let Ok(()) =
                    ethernet.send(NOW, CLIENT.mac, EtherType::IPV4, packet, TxOffload::NONE);
            }
        })?;
        show("arp", &mut || {
            for packet in packets() {
                let Ok(()) =
                    arp.send_to(NOW, CLIENT.ipv4, EtherType::IPV4, packet, TxOffload::NONE);
            }
        })?;
        show("ipv4", &mut || {
            let Ok(outcome) = ipv4.send(NOW, &outgoing, &*datagram);
            let _ = black_box(outcome);
        })?;
        show("icmp", &mut || {
            let Ok(outcome) = icmp.send(NOW, &outgoing, &*datagram);
            let _ = black_box(outcome);
        })?;
        show("udp", &mut || {
            let Ok(outcome) = udp.send(NOW, PORT, client, &*payload);
            let _ = black_box(outcome);
        })?;
        let expected = u64::from(all) * frames.len() as u64;
        ensure!(sent.get() == expected, "{scenario}: {} frames, not {expected}", sent.get());
        Ok(())
    }

    /// Takes a datagram of `size` bytes in and sends it back.
    fn echo(&mut self, scenario: &'static str, size: usize) -> Result<()> {
        let sent = Rc::default();
        let incoming = frames(CLIENT, 4000, SERVER, PORT, size)?;
        let (tower, count) = (self.udp(&incoming, &sent)?, incoming.len());
        self.receive_and_count("udp", scenario, tower, count, &sent, count as u64)
    }

    /// Sums bytes up, and copies them.
    fn bytes(&mut self) -> Result<()> {
        for layer in SIZES {
            let bytes = vec![0xa5_u8; layer.parse()?];
            let mut copy = vec![0; bytes.len()];
            (self.visit)(Figure { scenario: "checksum", layer }, &mut |times| {
                for _ in 0..times {
                    black_box(Checksum::new().add(black_box(&bytes)).finish());
                }
            })?;
            (self.visit)(Figure { scenario: "copy", layer }, &mut |times| {
                for _ in 0..times {
                    black_box(&mut copy).copy_from_slice(black_box(&bytes));
                }
            })?;
        }
        Ok(())
    }
}

/// A host asks for the server's hardware address (RFC 826), in a frame of the least length.
fn arp_request(from: Host) -> [u8; 60] {
    let mut frame = [0; 60];
    frame[..6].fill(0xff);
    frame[6..12].copy_from_slice(&from.mac.0);
    frame[12..22].copy_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame[22..28].copy_from_slice(&from.mac.0);
    frame[28..32].copy_from_slice(&from.ipv4.octets());
    frame[38..42].copy_from_slice(&SERVER.ipv4.octets());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `measure` itself checks that each tower answers as often as it is to.
    #[test]
    fn every_layer_is_measured_in_every_scenario() {
        let mut seen = Vec::new();
        measure(&mut |figure, run| {
            run(3);
            seen.push(figure);
            Ok(())
        })
        .unwrap();
        let layers = |scenario| -> Vec<_> {
            seen.iter().filter(|f| f.scenario == scenario).map(|f| f.layer).collect()
        };
        for scenario in ["receive 64", "receive 8192", "arp request", "send 64", "send 8192"] {
            assert_eq!(layers(scenario), LAYERS, "{scenario}");
        }
        assert_eq!(layers("echo 64"), ["udp"]);
        assert_eq!(layers("checksum"), SIZES);
        assert_eq!(layers("copy"), SIZES);
        let whole = seen.iter().filter(|figure| figure.is_whole()).map(|figure| figure.scenario);
        let mut whole: Vec<_> = whole.collect();
        whole.dedup();
        let echoes = ["echo 64", "echo 1400", "echo 8192"];
        let tables = ["request to a port", "reply to a neighbour", "reply over a path"];
        let fragments = ["fragment", "two fragments", "timeout"];
        assert_eq!(whole, [echoes, tables, fragments].concat());
    }
}
