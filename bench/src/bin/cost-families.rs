//! The work of a service that has both families, for a request over each.
//!
//! A program of its own, because a service with IPv4 alone stands on another tower, and the compiler puts together what only one
//! tower uses.

#![forbid(unsafe_code)]

use std::{
    cell::Cell,
    mem::MaybeUninit,
    net::{IpAddr, Ipv6Addr},
    rc::Rc,
};

use anyhow::{Context, Result, ensure};
use arp::Arp;
use bench::{CLIENT, Cable, Figure, Host, SERVER, Visit};
use ethernet::Ethernet;
use icmp::Icmp;
use icmpv6::Icmpv6;
use ip::Ip;
use layer::{Instant, Ipv6Cidr, Layer, Rx};
use ndp::Ndp;
use netif::Netif;
use rt_regions::{PAGE_SIZE, Pool, Region};
use testkit::{Wire, with_pool};
use udp::{Failure, Udp};

/// Pages of the pool.
const PAGES: usize = 16 << 10;
const PORT: u16 = 8080;
const NOW: Instant = Instant::ZERO;

/// What a service with both families stands on.
type Stack<'g, N> = Udp<'g, Icmp<Icmpv6<Ip<'g, Ndp<'g, Arp<'g, Ethernet<N>>>>>>>;

/// The address of a host: its last number is that of IPv4.
fn address(of: Host) -> Ipv6Addr {
    let [.., last] = of.ipv4.octets();
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into())
}

/// The tower of a host, whose addresses are its own at once.
fn tower<'g, N: Netif>(netif: N, of: Host, memory: &'g Region<'g>) -> Result<Stack<'g, N>> {
    let arp = Arp::new(Ethernet::new(netif), of.cidr()?, 7, memory)?;
    let cidr = Ipv6Cidr::new(address(of), 64).context("64 is the length of a prefix")?;
    let ndp = Ndp::new(arp, cidr, 7, memory)?.with_detection(false);
    let icmp = Icmp::new(Icmpv6::new(Ip::new(ndp, 7, memory)?, 7), 7);
    let mut udp = Udp::new(icmp, 7, memory)?;
    udp.bind(PORT, |request, _region| Ok(request))?;
    Ok(udp)
}

/// Takes in what has arrived.
fn turn<N: Netif>(tower: &mut Stack<'_, N>, packet: &mut Region<'_>) -> Result<(), N::Error> {
    loop {
        packet.reset();
        if let Rx::Idle = tower.receive(NOW, packet)? {
            return Ok(());
        }
    }
}

/// The client's question for the server's hardware address, and the frames of its datagram of `size` bytes to this address.
fn frames(to: IpAddr, size: usize) -> Result<Vec<Vec<u8>>> {
    with_pool(512, |pool| {
        let (memory, mut packet) = (Region::new(pool, "memory"), Region::new(pool, "packet"));
        let (client_wire, client) = Wire::new(CLIENT.mac);
        let (server_wire, server) = Wire::new(SERVER.mac);
        let mut client = tower(client, CLIENT, &memory)?;
        // Its port is in use, so that it believes what is said of the path, and its packets are as long as the link takes.
        client.bind(4000, |_, _| Err(Failure::Silent))?;
        let mut server = tower(server, SERVER, &memory)?;
        turn(&mut client, &mut packet)?;
        turn(&mut server, &mut packet)?;
        client_wire.drain();
        server_wire.drain();
        let _ = client.send(NOW, 4000, (to, PORT).into(), &*vec![7; size])?;
        let mut frames = client_wire.drain();
        ensure!(frames.len() == 1, "the client asks for the server");
        server_wire.push(&*frames[0]);
        turn(&mut server, &mut packet)?;
        server_wire.drain().into_iter().for_each(|answer| client_wire.push(answer));
        turn(&mut client, &mut packet)?;
        frames.extend(client_wire.drain());
        // What a packet of 1,500 bytes has of a datagram, and a fragment.
        let (packet, fragment) = if to.is_ipv4() { (1480, 1480) } else { (1460, 1448) };
        let (length, count) = (size + 8, frames.len() - 1);
        let expected = if length <= packet { 1 } else { length.div_ceil(fragment) };
        ensure!(count == expected, "{size} bytes in {count} frames");
        Ok(frames)
    })
}

/// Takes a datagram of `size` bytes to this address in and sends it back.
fn echo(
    visit: &mut Visit<'_>,
    pool: &Pool<'_>,
    to: IpAddr,
    scenario: &'static str,
    size: usize,
) -> Result<()> {
    let (memory, mut packet) = (Region::new(pool, "memory"), Region::new(pool, "packet"));
    let sent = Rc::<Cell<u64>>::default();
    let frames = frames(to, size)?;
    let count = frames.len() - 1;
    let cable = Cable::new(SERVER.mac, &frames.into(), &sent).again_from(1);
    let mut tower = tower(cable, SERVER, &memory)?;
    // What it says of itself at the beginning, that it is ready, the question, and a first request.
    for _ in 0..count + 2 {
        packet.reset();
        let Ok(_) = tower.receive(NOW, &packet);
    }
    let (before, mut all) = (sent.get(), 0);
    visit(Figure { scenario, layer: "both families" }, &mut |times| {
        all += times;
        for _ in 0..times as usize * count {
            packet.reset();
            let Ok(_) = tower.receive(NOW, &packet);
        }
    })?;
    let (answers, expected) = (sent.get() - before, u64::from(all) * count as u64);
    ensure!(answers == expected, "{scenario}: {answers} frames sent, not {expected}");
    Ok(())
}

fn main() -> Result<()> {
    bench::counted(|visit| {
        let mut memory = vec![MaybeUninit::uninit(); PAGES * PAGE_SIZE];
        let pool = Pool::new(&mut memory);
        for (scenario, to, size) in [
            ("echo 64 over ipv4", SERVER.ipv4.into(), 64),
            ("echo 1400 over ipv4", SERVER.ipv4.into(), 1400),
            ("echo 8192 over ipv4", SERVER.ipv4.into(), 8192),
            ("echo 64 over ipv6", address(SERVER).into(), 64),
            ("echo 1400 over ipv6", address(SERVER).into(), 1400),
            ("echo 8192 over ipv6", address(SERVER).into(), 8192),
        ] {
            echo(visit, &pool, to, scenario, size)?;
        }
        Ok(())
    })
}
