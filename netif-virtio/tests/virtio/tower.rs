//! All the layers on the interface: a service answers pings and datagrams through it.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Instant, Layer, Rx};
use netif::{MacAddr, Netif};
use netif_virtio::{Guest as _, VirtioNet};
use network::Sent;
use rt_regions::Region;
use testkit::{Random, Wire};
use udp::Udp;

use crate::{
    simulated::{
        World,
        device::Device,
        transport::{Registers, feature},
    },
    support::offers,
};

type Stack<'g, N> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<N>>>>>;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn stack<'g, N: Netif>(netif: N, address: Ipv4Addr, region: &'g Region<'g>) -> Stack<'g, N> {
    let cidr = Cidr::new(address, 24).unwrap();
    let arp = Arp::new(Ethernet::new(netif), cidr, 7, region).unwrap();
    Udp::new(Icmp::new(Ipv4::new(arp, 7, region).unwrap(), 7), 7, region).unwrap()
}

/// Takes in all that has arrived.
fn turn(stack: &mut impl Layer, packet: &mut Region<'_>) {
    loop {
        packet.reset();
        match stack.receive(Instant::ZERO, packet).unwrap() {
            Rx::Item(item) => stack.unclaimed(Instant::ZERO, item).unwrap(),
            Rx::Handled => {}
            Rx::Idle => return,
        }
    }
}

/// An echo request from the client's hardware address, and the reply to it (RFC 792).
fn ping(number: u16, mac: MacAddr) -> [Vec<u8>; 2] {
    let client = [2, 0, 0, 0, 0, 1];
    let message = |kind: u8, from: Ipv4Addr, to: Ipv4Addr, source: [u8; 6], target: [u8; 6]| {
        let mut icmp = [&[kind, 0, 0, 0, 0, 1][..], &number.to_be_bytes(), &[0x61; 32]].concat();
        let sum = network::Checksum::new().add(&icmp).finish();
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        let length = (20 + icmp.len() as u16).to_be_bytes();
        let mut ip =
            [&[0x45, 0][..], &length, &[0, 0, 0, 0, 64, 1, 0, 0], &from.octets(), &to.octets()]
                .concat();
        let sum = network::Checksum::new().add(&ip).finish();
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        [&target[..], &source, &[8, 0], &ip, &icmp].concat()
    };
    [message(8, CLIENT, SERVER, client, mac.0), message(0, SERVER, CLIENT, mac.0, client)]
}

/// Pings, and datagrams of these sizes, through a device that offers this.
fn serve(offered: u64, offloads: bool, sizes: &[usize]) {
    let world = World::new(430);
    let registers = Registers { offered, ..Registers::default() };
    let device = Rc::new(RefCell::new(Device::with(&world, registers)));
    let other = device.clone();
    world.while_asleep(move || other.borrow_mut().turn());
    let transport = device.borrow().transport();
    let netif =
        VirtioNet::attach_with(transport, world.clone(), None, offloads, world.memory()).unwrap();
    let mac = netif.mac();
    let mut server = stack(netif, SERVER, world.memory());
    server.bind(8080, |request, _region| Ok(request)).unwrap();
    // Three quarters of the pool, as the loop of every runtime has it.
    let mut packet = Region::new(world.pool(), "packet").with_cap(430 / 4 * 3 * 4096);

    testkit::with_pool(2000, |pool| {
        let memory = Region::new(pool, "client");
        let heard = RefCell::new(Vec::new());
        let (wire, end) = Wire::new(MacAddr([2, 0, 0, 0, 0, 1]));
        let mut client = stack(end, CLIENT, &memory);
        let shared = &heard;
        let hear = move |reply: &[u8]| shared.borrow_mut().push(reply.to_vec());
        client
            .bind(4000, move |reply, _region| {
                hear(reply);
                Err(udp::Failure::Silent)
            })
            .unwrap();
        let mut client_packet = Region::new(pool, "packet");
        let mut random = Random::new(1);
        for &size in sizes {
            let request = random.bytes(size);
            let to = SocketAddr::new(IpAddr::V4(SERVER), 8080);
            assert_eq!(client.send(Instant::ZERO, 4000, to, &request[..]), Ok(Sent::Queued));
            for _ in 0..6 {
                for bytes in wire.drain() {
                    device.borrow_mut().send_to_guest(&bytes);
                }
                // The whole reply is on its way before the device has its turn again.
                device.borrow_mut().turn();
                turn(&mut server, &mut packet);
                device.borrow_mut().turn();
                for sent in std::mem::take(&mut device.borrow_mut().from_guest) {
                    wire.push(complete(sent.header, sent.bytes));
                }
                turn(&mut client, &mut client_packet);
            }
            assert!(heard.borrow_mut().pop() == Some(request), "{offered:#x}: {size} bytes");
        }
        for number in 0..20 {
            let [request, expected] = ping(number, mac);
            device.borrow_mut().send_to_guest(&request);
            device.borrow_mut().turn();
            turn(&mut server, &mut packet);
            device.borrow_mut().turn();
            let sent = std::mem::take(&mut device.borrow_mut().from_guest);
            let [reply] = &sent[..] else { panic!("{} replies", sent.len()) };
            // Identification and time to live are the server's to choose, and the checksum is of both.
            let mut bytes = complete(reply.header, reply.bytes.clone());
            assert_eq!(bytes.len(), expected.len());
            for free in [18..21, 22..23, 24..26] {
                bytes[free.clone()].copy_from_slice(&expected[free]);
            }
            assert_eq!(bytes, expected, "{offered:#x}");
        }
        drop(client);
    });
    let mut lost = 0;
    server.counters(&mut |counter| {
        let is_loss = matches!(counter.name, "rx_no_room" | "tx_queue_full" | "device_violations");
        lost += counter.value * u64::from(counter.layer == "virtio" && is_loss);
    });
    assert_eq!(lost, 0);
    drop(server);
    drop(packet);
    world.end();
}

/// Completes a checksum that was left to the device.
fn complete(header: [u8; 12], mut bytes: Vec<u8>) -> Vec<u8> {
    if header[0] & 1 == 1 {
        let [start, offset] = [6, 8].map(|at| u16::from_le_bytes([header[at], header[at + 1]]));
        let start = usize::from(start);
        let sum = match network::Checksum::new().add(&bytes[start..]).finish() {
            0 => u16::MAX,
            sum => sum,
        };
        bytes[start + usize::from(offset)..][..2].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

#[test]
fn a_service_answers_pings_and_datagrams_whatever_the_device_offers() {
    for offered in offers() {
        for offloads in [false, true] {
            serve(offered, offloads, &[0, 18, 1472, 1473, 8192]);
        }
    }
}

#[test]
fn a_service_in_a_guest_of_2_mib_answers_datagrams_of_every_size() {
    let sizes = [0, 1, 18, 64, 1472, 1473, 8192, 29_202, 60_000, 65_507].repeat(20);
    serve(feature::ALL, false, &sizes);
}
