use core::{cell::Cell, error::Error};
use std::{boxed::Box, format, string::ToString, vec, vec::Vec};

use layer::Cidr;
use network::{IcmpError, Packet, Problem};
use rt_regions::{Exhausted, Finite, Limit, PAGE_SIZE};
use testkit::{Broken, FakeNetwork, with_pool};

use super::*;
use crate::{
    Failure,
    samples::{OURS, PEER, REQUEST, packet},
};

mod answers;
mod bind;
mod listing;
mod receive;
mod reports;
mod send;
mod serve;
mod settings;

const NOW: Instant = Instant::from_millis(1000);
const CLIENT: SocketAddr = SocketAddr::new(PEER, 5000);
const SERVICE: SocketAddr = SocketAddr::new(OURS, 8080);

/// A layer with 4 places over the fake, and a region of 8 pages for packets.
fn with_layer<R>(test: impl for<'g> FnOnce(Udp<'g, FakeNetwork>, &'g Region<'g>) -> R) -> R {
    with_pool(16, |pool| {
        let table = Region::new(pool, "table");
        let packet = Region::new(pool, "packet").with_cap(8 * PAGE_SIZE);
        let places = table.alloc_slice_with(4, |_| PortSlot::EMPTY).unwrap();
        test(Udp::with_storage(FakeNetwork::default(), 7, places, pool), &packet)
    })
}

/// Our own network, from which the counters can be asked for.
fn own() -> Networks {
    Networks::default().and(own_cidr())
}

fn own_cidr() -> Cidr {
    "10.0.0.2/24".parse().unwrap()
}

/// A reply to a request that came with a TTL of 63.
fn to_peer() -> Outgoing {
    Outgoing { source: Some(OURS), max_ttl: 62, ..Outgoing::new(PEER, Protocol::UDP) }
}

fn datagram(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    use zerocopy::IntoBytes;

    let header = UdpHeader::new(source, destination, &payload);
    [header.as_bytes(), payload].concat()
}

/// A request from `CLIENT` to `SERVICE`.
fn request(payload: &[u8]) -> Packet<'static> {
    packet(datagram(CLIENT, SERVICE, payload).leak())
}

/// Lets the layer receive one packet, which it is to keep.
fn receive(udp: &mut Udp<'_, FakeNetwork>, region: &Region<'_>, packet: Packet<'static>) {
    udp.network.incoming.push_back(Delivery::Packet(Box::leak(Box::new(packet))));
    let received = udp.receive(NOW, region).unwrap();
    assert!(matches!(received, Rx::Handled), "{received:?}");
}

/// The payload of the one datagram that was sent since the last call, from `SERVICE` to `CLIENT`.
fn reply(udp: &mut Udp<'_, FakeNetwork>) -> Vec<u8> {
    let [(outgoing, bytes)] = &udp.network.sent[..] else { panic!("{:?}", udp.network.sent) };
    let asked = Outgoing { source: None, ..to_peer() };
    let outgoings = [to_peer(), asked, Outgoing::new(PEER, Protocol::UDP)];
    assert!(outgoings.contains(outgoing), "{outgoing:?}");
    let sent = Packet { source: OURS, destination: PEER, ..packet(bytes) };
    let (header, payload) = UdpHeader::parse(&sent).unwrap();
    assert_eq!((header.source_port.get(), header.destination_port.get()), (8080, 5000));
    assert_eq!(HEADER_LEN + payload.len(), bytes.len());
    let payload = payload.to_vec();
    udp.network.sent.clear();
    payload
}
