//! A host on a cable, for the tests of this crate.

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use core::{net::Ipv4Addr, time::Duration};
use ethernet::{EtherType, Ethernet, EthernetHeader, Neighbours};
use layer::{Cidr, Instant, Layer, Rx, TxOffload};
use netif::MacAddr;
use rt_regions::{Pool, Region};
use testkit::{End, Wire, with_pool};
use zerocopy::IntoBytes;

use crate::{Arp, ArpPacket, Counters};

pub(crate) const ALL: MacAddr = MacAddr::BROADCAST;
pub(crate) const NONE: MacAddr = MacAddr::UNSPECIFIED;

/// The host under test has 10.0.0.2.
pub(crate) const OURS: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
pub(crate) const US: [u8; 4] = [10, 0, 0, 2];
/// A neighbour.
pub(crate) const PEER: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
pub(crate) const THEM: [u8; 4] = [10, 0, 0, 1];
/// Another station.
pub(crate) const OTHER: MacAddr = MacAddr([2, 0, 10, 0, 0, 9]);

pub(crate) const REQUEST: u8 = 1;
pub(crate) const REPLY: u8 = 2;

/// A frame with an ARP packet.
pub(crate) fn frame(
    destination: MacAddr,
    operation: u8,
    (mac, sender): (MacAddr, [u8; 4]),
    (target_mac, target): (MacAddr, [u8; 4]),
) -> Vec<u8> {
    let ethernet = EthernetHeader::new(destination, mac, EtherType::ARP);
    let fixed = [0, 1, 8, 0, 6, 4, 0, operation];
    [ethernet.as_bytes(), &fixed, &mac.0, &sender, &target_mac.0, &target].concat()
}

/// The reply of `mac`, that it has `address`, to us.
pub(crate) fn reply(mac: MacAddr, address: [u8; 4]) -> Vec<u8> {
    frame(OURS, REPLY, (mac, address), (OURS, US))
}

/// The request of `mac` at `address` for our address.
pub(crate) fn request(mac: MacAddr, address: [u8; 4]) -> Vec<u8> {
    frame(ALL, REQUEST, (mac, address), (NONE, US))
}

/// The probe of `mac` for our address.
pub(crate) fn probe(mac: MacAddr) -> Vec<u8> {
    frame(ALL, REQUEST, (mac, [0; 4]), (NONE, US))
}

/// The announcement of `mac` that it has `address`.
pub(crate) fn announcement(mac: MacAddr, address: [u8; 4]) -> Vec<u8> {
    frame(ALL, REQUEST, (mac, address), (NONE, address))
}

/// The layer on a cable, and the current time.
pub(crate) struct Host<'g> {
    pub(crate) arp: Arp<'g, Ethernet<End>>,
    pub(crate) wire: Wire,
    pub(crate) now: Instant,
    pub(crate) pool: &'g Pool<'g>,
}

impl<'g> Host<'g> {
    /// A host that was just started.
    pub(crate) fn new(region: &'g Region<'g>) -> Self {
        Self::on(region, None)
    }

    /// A host that was just started, and checks the link at this interval.
    pub(crate) fn on(region: &'g Region<'g>, link_interval: Option<Duration>) -> Self {
        let (wire, mut end) = Wire::new(OURS);
        end.link_interval = link_interval;
        let address = "10.0.0.2/24".parse().unwrap();
        let arp = Arp::new(Ethernet::new(end), address, 7, region).unwrap();
        Self { arp, wire, now: Instant::from_millis(1_000_000), pool: region.pool().unwrap() }
    }

    /// A host that was just started and probes for its address before it uses it.
    pub(crate) fn probing(region: &'g Region<'g>) -> Self {
        let Self { arp, wire, now, pool } = Self::new(region);
        Self { arp: arp.with_probing(), wire, now, pool }
    }

    /// Receives until nothing is waiting; says what was handed up.
    pub(crate) fn turn(&mut self) -> Vec<EtherType> {
        let mut region = Region::new(self.pool, "packet");
        let mut seen = Vec::new();
        loop {
            let before = self.ready();
            match self.arp.receive(self.now, &region).unwrap() {
                Rx::Item(frame) => seen.push(frame.ethertype),
                Rx::Handled => {}
                Rx::Idle => {
                    assert_eq!(self.ready(), before, "a program that sleeps now says it late");
                    return seen;
                }
            }
            region.reset();
        }
    }

    /// What the host sent since the last time, each as its destination and what it says.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let text = |frame: Vec<u8>| {
            let (header, ethertype, payload) = EthernetHeader::parse(&frame).unwrap();
            let to = header.destination;
            match ArpPacket::parse(payload) {
                Ok(packet) if ethertype == EtherType::ARP => format!("{to} < {packet}"),
                _ => format!("{to} < {ethertype} {}", payload[0]),
            }
        };
        self.wire.drain().into_iter().map(text).collect()
    }

    /// Lets a frame arrive; says what the host sent then.
    pub(crate) fn hears(&mut self, frame: Vec<u8>) -> Vec<String> {
        self.wire.push(frame);
        assert_eq!(self.turn(), [], "ARP is not handed up");
        self.sent()
    }

    /// Sends an IPv4 packet, of which `byte` is the first; says what left the host.
    pub(crate) fn sends(&mut self, address: [u8; 4], byte: u8) -> Vec<String> {
        let payload = [byte; 20];
        self.arp
            .send_to(self.now, Ipv4Addr::from(address), EtherType::IPV4, payload, TxOffload::NONE)
            .unwrap();
        self.sent()
    }

    /// Makes the neighbour known: it asks us, gets a packet, and confirms that it is there.
    pub(crate) fn meets(&mut self) {
        assert_eq!(self.hears(request(PEER, THEM)).len(), 1);
        assert_eq!(self.sends(THEM, 1), [carries(PEER, 1), asks(PEER, THEM)]);
        assert_eq!(self.hears(reply(PEER, THEM)), [""; 0]);
    }

    /// Lets time pass from deadline to deadline, for so many milliseconds; says what the host sent in it.
    pub(crate) fn lives(&mut self, milliseconds: u64) -> Vec<String> {
        let end = self.now + Duration::from_millis(milliseconds);
        while let Some(deadline) = self.arp.next_deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            assert_eq!(self.turn(), []);
        }
        self.now = end;
        self.sent()
    }

    /// Lets time pass, in steps of a second; says what the host sent in it.
    pub(crate) fn passes(&mut self, seconds: u64) -> Vec<String> {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            assert_eq!(self.turn(), []);
        }
        self.sent()
    }

    /// Whether the address is ours, or why it never will be.
    pub(crate) fn ready(&self) -> Result<bool, String> {
        self.arp.ready().map_err(|reason| reason.to_string())
    }

    /// Whether the address is ours now.
    pub(crate) fn has_address(&self) -> bool {
        self.arp.address() != Cidr::UNSPECIFIED
    }

    pub(crate) fn stats(&self) -> Counters {
        *self.arp.stats()
    }
}

/// Runs `test` on a host that has announced its address. However it leaves the host, the packets
/// that wait must be gone ten seconds later.
pub(crate) fn with_host(test: impl FnOnce(&mut Host<'_>)) {
    with_pool(256, |pool| {
        let region = Region::new(pool, "memory");
        let mut host = Host::new(&region);
        assert_eq!(host.turn(), []);
        assert_eq!(host.passes(5).len(), 2);
        let free = pool.free_pages();
        test(&mut host);
        host.passes(10);
        assert_eq!(pool.free_pages(), free, "pages were left behind");
    });
}

/// `10.0.0.2 asks for address`, sent to `to`.
pub(crate) fn asks(to: MacAddr, address: [u8; 4]) -> String {
    format!("{to} < 10.0.0.2 ({OURS}) asks for {}", Ipv4Addr::from(address))
}

/// The IPv4 packet that begins with `byte`, sent to `to`.
pub(crate) fn carries(to: MacAddr, byte: u8) -> String {
    format!("{to} < ipv4 {byte}")
}
