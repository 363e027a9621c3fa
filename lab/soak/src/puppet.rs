//! A host of its own in the network of a service, whose TCP does what it is told, segment by segment: what no kernel does.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    attacks::tcp::Flow,
    ear::Ear,
    frames::{self, Mac, ethernet},
    tcp::{ACK, SYN, Segment},
    wire::Wire,
};

/// How long the other side may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The types of ARP and IPv4 in an Ethernet header.
const ARP: [u8; 2] = [8, 6];
const IPV4: [u8; 2] = [8, 0];

/// An address at an interface of the host that is nobody's, and the way in and out for its frames.
#[derive(Debug)]
pub struct Puppet {
    ear: Ear,
    wire: Wire,
    mac: Mac,
    address: Ipv4Addr,
}

/// A connection of a puppet.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Its two ends: the puppet is the peer.
    pub flow: Flow,
    /// The number of the next byte that the puppet sends.
    pub next: u32,
    /// The number of the next byte that the puppet expects.
    pub expected: u32,
    /// How the other side answered the request for the connection.
    pub answer: Segment,
}

impl Puppet {
    /// A host at `interface`, in the network namespace of this thread, with a hardware address and an address that are
    /// nobody else's.
    ///
    /// # Errors
    /// There is no such interface, or no right to send and receive frames.
    pub fn open(interface: &str, mac: Mac, address: Ipv4Addr) -> Result<Self> {
        let (wire, ear) = (Wire::open(interface)?, Ear::open(interface)?);
        Ok(Self { ear, wire, mac, address })
    }

    /// The way for frames of any content.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Sends a segment of a connection, or what only looks like it.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn send(&self, flow: &Flow, segment: &Segment, payload: &[u8]) -> Result<()> {
        self.wire.send(&flow.frame(segment, payload))
    }

    /// The next segment to this host; none if there is none in time.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn receive(&mut self, within: Duration) -> Result<Option<(Segment, Vec<u8>)>> {
        let address = self.address;
        self.find(within, |segment| *segment.destination.ip() == address)
    }

    /// The next segment for which `wanted` holds, of all that pass the interface in either direction, those of others
    /// included. What comes to this host until then is lost.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn find(
        &mut self,
        within: Duration,
        wanted: impl Fn(&Segment) -> bool,
    ) -> Result<Option<(Segment, Vec<u8>)>> {
        let deadline = Instant::now() + within;
        while let Some(frame) = self.ear.hear(deadline)? {
            if frame.get(12..14) == Some(&ARP) {
                self.answer_arp(&frame)?;
            } else if frame.get(12..14) == Some(&IPV4)
                && let Some((segment, payload)) = Segment::read(&frame[14..])
                && wanted(&segment)
            {
                return Ok(Some((segment, payload.to_vec())));
            }
        }
        Ok(None)
    }

    /// Throws away what has come until now.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn forget(&mut self) -> Result<()> {
        self.find(Duration::ZERO, |_| false).map(drop)
    }

    /// Opens a connection from `port` to a server, with these options.
    ///
    /// # Errors
    /// The server does not answer, or with something else.
    pub fn connect(
        &mut self,
        (victim_mac, victim): (Mac, SocketAddrV4),
        port: u16,
        options: Vec<u8>,
    ) -> Result<Talk> {
        let peer = SocketAddrV4::new(self.address, port);
        let flow = Flow { victim_mac, victim, peer, mac: self.mac };
        let first = u32::from(port).wrapping_mul(0x9e37_79b9);
        let syn = Segment { sequence: first, options, ..flow.segment(SYN) };
        self.send(&flow, &syn, &[])?;
        let next = first.wrapping_add(1);
        let answer = self.find(ANSWER_WITHIN, |segment| {
            segment.destination == peer && segment.source == victim
        })?;
        let (answer, _) = answer.context("the server does not answer")?;
        ensure!(
            answer.flags == SYN | ACK && answer.acknowledgment == next,
            "the server answers with {answer:?}"
        );
        let talk = Talk { flow, next, expected: answer.end(0), answer };
        self.send(&flow, &talk.segment(ACK), &[])?;
        Ok(talk)
    }

    /// Says where this address is, if that is asked.
    fn answer_arp(&self, frame: &[u8]) -> Result<()> {
        let asks =
            frame.get(20..22) == Some(&[0, 1]) && frame.get(38..42) == Some(&self.address.octets());
        let sender = (frame.get(22..28), frame.get(28..32));
        let (true, (Some(mac), Some(address))) = (asks, sender) else { return Ok(()) };
        let (Some(mac), Some(address)) = (mac.first_chunk::<6>(), address.first_chunk::<4>())
        else {
            return Ok(());
        };
        let reply = frames::arp(2, (self.mac, self.address), (*mac, Ipv4Addr::from(*address)));
        self.wire.send(&ethernet(*mac, self.mac, 0x0806, &reply))
    }
}

impl Talk {
    /// The next segment of the puppet as it should be.
    pub fn segment(&self, flags: u8) -> Segment {
        Segment { sequence: self.next, acknowledgment: self.expected, ..self.flow.segment(flags) }
    }
}
