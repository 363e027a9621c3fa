//! All the layers on the interface: a service answers through netfront.

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
use netif_xen::Netfront;
use network::Sent;
use rt_regions::Region;
use rt_xen::Guest;
use testkit::{Random, Wire};
use udp::Udp;

use crate::simulated::{
    World,
    backend::{Backend, Delivery},
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

#[test]
fn a_service_in_a_domain_of_2_mib_answers_datagrams_of_every_size() {
    let world = World::new(430);
    let plugged = Backend::plug(&world, 0, "00:16:3e:00:00:07", Some(1500));
    let backend = Rc::new(RefCell::new(plugged));
    let other = backend.clone();
    world.while_asleep(move || other.borrow_mut().turn());
    let netfront = Netfront::attach(world.clone(), None, None, world.memory()).unwrap();
    let mut server = stack(netfront, SERVER, world.memory());
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
        for size in [0, 1, 18, 64, 1472, 1473, 8192, 29_202, 60_000, 65_507].repeat(20) {
            let request = random.bytes(size);
            let to = SocketAddr::new(IpAddr::V4(SERVER), 8080);
            assert_eq!(client.send(Instant::ZERO, 4000, to, &request[..]), Ok(Sent::Queued));
            for _ in 0..6 {
                for bytes in wire.drain() {
                    backend
                        .borrow_mut()
                        .to_guest
                        .push_back(Delivery { bytes, ..Delivery::default() });
                }
                // The whole reply is on its way before the backend has its turn again.
                backend.borrow_mut().turn();
                turn(&mut server, &mut packet);
                backend.borrow_mut().turn();
                for frame in std::mem::take(&mut backend.borrow_mut().from_guest) {
                    wire.push(frame);
                }
                turn(&mut client, &mut client_packet);
            }
            assert!(heard.borrow_mut().pop() == Some(request), "{size} bytes");
        }
        drop(client);
    });
    let mut lost = 0;
    server.counters(&mut |counter| {
        let is_loss = matches!(counter.name, "rx_no_room" | "tx_queue_full" | "backend_violations");
        lost += counter.value * u64::from(counter.layer == "netfront" && is_loss);
    });
    assert_eq!(lost, 0);
    backend.borrow_mut().unplug();
    turn(&mut server, &mut packet);
    drop(server);
    drop(packet);
    world.end();
}
