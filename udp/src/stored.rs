//! A datagram that outlives its packet.

use core::net::{IpAddr, SocketAddr};

use layer::Instant;
use network::{Packet, Protocol};
use rt_regions::{Exhausted, Region, SlabBox, Slabs};

use crate::{Datagram, HEADER_LEN};

/// What a reply has to know of its request: the packet without its header and payload, and the ports.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    tos: u8,
    broadcast: bool,
    /// The source port.
    pub(crate) port: u16,
    /// The destination port.
    pub(crate) asked: u16,
}

impl Request {
    #[inline]
    pub(crate) fn new(datagram: &Datagram<'_>) -> Self {
        let Packet { source, destination, ttl, tos, broadcast, .. } = *datagram.packet;
        let [port, asked] = datagram.ports();
        Self { source, destination, ttl, tos, broadcast, port, asked }
    }

    /// The packet, with this header and payload.
    #[inline]
    pub(crate) fn packet<'r>(&self, header: &'r [u8], payload: &'r [u8]) -> Packet<'r> {
        Packet {
            source: self.source,
            destination: self.destination,
            protocol: Protocol::UDP,
            ttl: self.ttl,
            tos: self.tos,
            broadcast: self.broadcast,
            verify_checksum: false,
            segment_size: None,
            header,
            payload,
        }
    }
}

/// A datagram whose bytes lie in blocks of their own.
pub(crate) struct Stored {
    pub(crate) request: Request,
    now: Instant,
    /// The network header, if it has options, which a service may want to see.
    network_header: Option<SlabBox<'static, [u8]>>,
    /// Its header and its payload.
    bytes: SlabBox<'static, [u8]>,
}

impl Stored {
    pub(crate) fn new(
        datagram: &Datagram<'_>,
        slabs: &'static Slabs<'static>,
    ) -> Result<Self, Exhausted> {
        let Datagram { packet, payload, now } = *datagram;
        let has_options = !packet.options().is_empty();
        let network_header =
            if has_options { Some(slabs.alloc_slice(packet.header)?) } else { None };
        // What follows the datagram in its packet is left out.
        let length = packet.payload.len().min(HEADER_LEN + payload.len());
        let bytes = slabs.alloc_slice(&packet.payload[..length])?;
        Ok(Self { request: Request::new(datagram), now, network_header, bytes })
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    pub(crate) fn source(&self) -> SocketAddr {
        SocketAddr::new(self.request.source, self.request.port)
    }

    /// The packet, which [`datagram`](Self::datagram) takes.
    pub(crate) fn packet(&self) -> Packet<'_> {
        let header = self.network_header.as_deref().unwrap_or_default();
        self.request.packet(header, &self.bytes)
    }

    /// The datagram, with its packet.
    pub(crate) fn datagram<'r>(&'r self, packet: &'r Packet<'r>) -> Datagram<'r> {
        Datagram { packet, payload: self.payload(), now: self.now }
    }

    /// A copy of the datagram in `region`.
    pub(crate) fn copy_into<'r>(&self, region: &'r Region<'_>) -> Result<Datagram<'r>, Exhausted> {
        let bytes = &*region.alloc_slice(&self.bytes)?;
        let network_header: &[u8] = match &self.network_header {
            Some(bytes) => region.alloc_slice(bytes)?,
            None => &[],
        };
        let packet = &*region.alloc(self.request.packet(network_header, bytes))?;
        let payload = bytes.get(HEADER_LEN..).unwrap_or_default();
        Ok(Datagram { packet, payload, now: self.now })
    }
}
