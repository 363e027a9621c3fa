//! A layer that gets an address after a while, and later another one: what a client of DHCP does, without its packets.

use std::{cell::RefCell, net::Ipv4Addr, net::SocketAddr, time::Duration};

use arp::Arp;
use ethernet::{Ethernet, Neighbours};
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Instant, Layer, Rx};
use netif::MacAddr;
use network::{Delivery, Network, Packet, Problem, Sent};
use rt_regions::Region;
use testkit::{Clock, End, Host, with_pool};
use udp::Udp;

layer::counters! {
    /// What the layer counted.
    pub struct Counters of "lease" {
        /// Addresses that were set.
        addresses,
    }
}

/// Sets one address after the other, each at its time.
struct Lease<'g, E> {
    ipv4: Ipv4<'g, E>,
    addresses: &'g [(Instant, Cidr)],
    counters: Counters,
    log: bool,
}

impl<E: Neighbours<Ipv4Addr, Address = Cidr>> Layer for Lease<'_, E> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(ipv4: E, "lease"; unclaimed, ready, configure, describe, end);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, E::Error> {
        if let Some(((due, address), rest)) = self.addresses.split_first()
            && *due <= now
        {
            self.ipv4.link_mut().set_address(*address);
            self.addresses = rest;
            self.counters.addresses += 1;
            // The tower may be ready now, which is something: who says that there was nothing to do says so later.
            return Ok(Rx::Handled);
        }
        self.ipv4.receive(now, region)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let due = self.addresses.first().map(|(due, _)| *due);
        Instant::earliest(due, self.ipv4.next_deadline())
    }
}

impl<E: Neighbours<Ipv4Addr, Address = Cidr>> Network for Lease<'_, E> {
    network::forward!(ipv4: E);

    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), E::Error> {
        self.ipv4.send_error(now, packet, problem)
    }
}

/// The first address comes after a second, another after ten. The client asks both, all the time.
#[test]
fn a_tower_serves_at_the_address_that_it_has_and_at_no_other() {
    with_pool(256, |pool| {
        let memories = [(); 2].map(|()| Region::new(pool, "memory"));
        let [first, second] = ["10.0.0.2/24", "10.0.0.3/24"].map(|text| text.parse().unwrap());
        let addresses =
            [(Instant::from_millis(1_000), first), (Instant::from_millis(10_000), second)];
        let (here, there) = End::pair(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
        let clock = Clock::new();

        let arp = Arp::new(Ethernet::new(here), Cidr::UNSPECIFIED, 7, &memories[0]).unwrap();
        let ipv4 = Ipv4::new(arp, 7, &memories[0]).unwrap();
        let counters = Counters::default();
        let lease = Lease { ipv4, addresses: &addresses, counters, log: false };
        let mut udp = Udp::new(Icmp::new(lease, 7), 7, &memories[0]).unwrap();
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        let mut server = Host::new(udp, clock.clone(), pool);

        let heard = RefCell::new(Vec::new());
        let client = "10.0.0.1/24".parse().unwrap();
        let arp = Arp::new(Ethernet::new(there), client, 7, &memories[1]).unwrap();
        let ipv4 = Ipv4::new(arp, 7, &memories[1]).unwrap();
        let mut udp = Udp::new(Icmp::new(ipv4, 7), 7, &memories[1]).unwrap();
        udp.bind_datagram(4000, |reply, _region| {
            heard.borrow_mut().push(reply.source().ip());
            Err(udp::Failure::Silent)
        })
        .unwrap()
        .answer_any_port();
        let mut client = Host::new(udp, clock.clone(), pool);

        for second_of_20 in 0..20_u32 {
            for address in [first, second] {
                let to = SocketAddr::new(address.address().into(), 8080);
                let sent = client.tower.send(clock.now(), 4000, to, b"who is there?");
                assert_eq!(sent, Ok(Sent::Queued));
            }
            let serves = server.tower.ready();
            assert_eq!(serves.map_err(|error| error.to_string()), Ok(second_of_20 > 0));
            for _ in 0..4 {
                server.turn();
                client.turn();
            }
            let expected = match second_of_20 {
                0 => None,
                1..10 => Some(first),
                10.. => Some(second),
            };
            let heard = heard.borrow_mut().split_off(0);
            let expected = expected.map(|cidr| cidr.address().into());
            // A request that had waited for the hardware address comes with it.
            assert!(heard.iter().all(|from| Some(*from) == expected), "{second_of_20}: {heard:?}");
            assert_eq!(heard.is_empty(), expected.is_none(), "{second_of_20}");
            server.sleep(Duration::from_secs(1));
            client.turn();
        }
        assert_eq!(server.counter("lease", "addresses"), 2);
    });
}
