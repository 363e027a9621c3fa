//! A datagram that outlives its packet.

use core::net::SocketAddr;

use layer::Instant;
use network::Packet;
use rt_regions::{Exhausted, Region, SlabBox, Slabs};

use crate::{Datagram, UdpHeader};

/// What a reply has to know of its request: the packet without its header and payload, and the ports.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) packet: Packet<'static>,
    pub(crate) port: u16,
    pub(crate) asked: u16,
}

impl Request {
    pub(crate) fn new(datagram: &Datagram<'_>) -> Self {
        let packet = Packet { header: &[], payload: &[], ..*datagram.packet };
        let UdpHeader { source_port, destination_port, .. } = *datagram.header;
        Self { packet, port: source_port.get(), asked: destination_port.get() }
    }
}

/// A datagram whose bytes lie in blocks of their own.
pub(crate) struct Stored {
    /// Without the bytes.
    packet: Packet<'static>,
    header: UdpHeader,
    now: Instant,
    /// The network header, if it has options, which a service may want to see.
    network_header: Option<SlabBox<'static, [u8]>>,
    payload: SlabBox<'static, [u8]>,
}

impl Stored {
    pub(crate) fn new(
        datagram: &Datagram<'_>,
        slabs: &'static Slabs<'static>,
    ) -> Result<Self, Exhausted> {
        let Datagram { packet, header, payload, now } = *datagram;
        let has_options = !packet.options().is_empty();
        let network_header =
            if has_options { Some(slabs.alloc_slice(packet.header)?) } else { None };
        let payload = slabs.alloc_slice(payload)?;
        let packet = Packet { header: &[], payload: &[], ..*packet };
        Ok(Self { packet, header: *header, now, network_header, payload })
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn source(&self) -> SocketAddr {
        SocketAddr::new(self.packet.source, self.header.source_port.get())
    }

    /// The packet as it was, but for its payload.
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet { header: self.network_header.as_deref().unwrap_or_default(), ..self.packet }
    }

    /// The datagram, in its `packet`, which is what [`packet`](Self::packet) gives.
    pub(crate) fn datagram<'r>(&'r self, packet: &'r Packet<'r>) -> Datagram<'r> {
        Datagram { packet, header: &self.header, payload: &self.payload, now: self.now }
    }

    /// A copy of the datagram in `region`.
    pub(crate) fn copy_into<'r>(&self, region: &'r Region<'_>) -> Result<Datagram<'r>, Exhausted> {
        let payload = &*region.alloc_slice(&self.payload)?;
        let header = &*region.alloc(self.header)?;
        let network_header: &[u8] = match &self.network_header {
            Some(bytes) => region.alloc_slice(bytes)?,
            None => &[],
        };
        let packet = &*region.alloc(Packet { header: network_header, payload, ..self.packet })?;
        Ok(Datagram { packet, header, payload, now: self.now })
    }
}
