//! Two hosts, and what one sends the other.

use std::{
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use anyhow::{Context, Result, ensure};
use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Instant};
use netif::MacAddr;
use rt_regions::{PAGE_SIZE, Pool, Region};
use testkit::Wire;
use udp::Udp;

use crate::Frames;

/// Who asks.
pub const CLIENT: Host =
    Host { mac: MacAddr([2, 0, 0, 0, 0, 1]), ipv4: Ipv4Addr::new(10, 0, 0, 1) };
/// Who answers.
pub const SERVER: Host =
    Host { mac: MacAddr([2, 0, 0, 0, 0, 2]), ipv4: Ipv4Addr::new(10, 0, 0, 2) };

/// A host in a network of 24 bits.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Its hardware address.
    pub mac: MacAddr,
    /// Its address.
    pub ipv4: Ipv4Addr,
}

impl Host {
    /// Its address and network.
    ///
    /// # Errors
    /// None: 24 is the length of a prefix.
    pub fn cidr(self) -> Result<Cidr> {
        Cidr::new(self.ipv4, 24).context("24 is the length of a prefix")
    }
}

/// The frames of a datagram of `size` bytes, as a tower sends them.
///
/// # Errors
/// There is not enough memory, or the tower does not send them all.
pub fn frames(
    from: Host,
    source_port: u16,
    to: Host,
    destination_port: u16,
    size: usize,
) -> Result<Frames> {
    let mut memory = vec![MaybeUninit::uninit(); 256 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "sender");
    let (wire, end) = Wire::new(from.mac);
    let mut arp = Arp::new(Ethernet::new(end), from.cidr()?, 7, &region)?;
    arp.insert_static(to.ipv4, to.mac)?;
    let ipv4 = Ipv4::new(arp, 7, &region)?;
    let mut udp = Udp::new(Icmp::new(ipv4, 7), 7, &region)?;
    let to = SocketAddr::new(IpAddr::V4(to.ipv4), destination_port);
    let Ok(_) = udp.send(Instant::ZERO, source_port, to, &*vec![7; size]);
    let frames = wire.drain();
    ensure!(frames.len() == (size + 8).div_ceil(1480), "{size} bytes in {} frames", frames.len());
    Ok(frames.into())
}
