//! Two hosts on one cable, all the layers of each, and a bad network between them.

use std::{
    cell::RefCell,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Instant};
use netif::{MacAddr, Netif};
use network::Sent;
use rt_regions::{Exhausted, Pool, Region};
use testkit::{Clock, Duplicate, End, Lossy, Random, Reorder, Trailing, with_pool};
use udp::Udp;

type Stack<'g, N> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<N>>>>>;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A host with all its layers.
type Host<'p, 'g, N> = testkit::Host<'p, Stack<'g, N>>;

fn stack<'g, N: Netif>(
    netif: N,
    address: Ipv4Addr,
    global: &'g Region<'g>,
) -> Result<Stack<'g, N>, Exhausted> {
    let cidr = Cidr::new(address, 24).unwrap();
    let arp = Arp::new(Ethernet::new(netif), cidr, 7, global)?;
    let ipv4 = Ipv4::new(arp, 7, global)?;
    Udp::new(Icmp::new(ipv4, 7), 7, global)
}

/// What a client heard.
type Heard = Rc<RefCell<Vec<Vec<u8>>>>;

/// A client whose port 4000 hears everything, and an echo server on port 8080.
fn with_hosts<N: Netif<Error = Infallible>>(
    wrap: impl Fn(End, u64) -> N,
    test: impl FnOnce(&mut Host<'_, '_, N>, &mut Host<'_, '_, N>, &Heard, &Pool<'_>),
) {
    let heard = Heard::default();
    with_pool(8192, |pool| {
        let globals = [Region::new(pool, "client"), Region::new(pool, "server")];
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
        let clock = Clock::new();
        let client = stack(wrap(one, 1), CLIENT, &globals[0]).unwrap();
        let mut client = Host::new(client, clock.clone(), pool);
        let server = stack(wrap(other, 2), SERVER, &globals[1]).unwrap();
        let mut server = Host::new(server, clock, pool);
        server.tower.bind(8080, |request, _region| Ok(request)).unwrap();
        // A service has no destructor: what it shares it borrows.
        let shared = &heard;
        client
            .tower
            .bind(4000, |reply, _region| {
                shared.borrow_mut().push(reply.to_vec());
                Err(udp::Failure::Silent)
            })
            .unwrap();
        test(&mut client, &mut server, &heard, pool);
    });
}

/// Lets both have their turn until nothing is on its way any more.
fn settle<N: Netif<Error = Infallible>>(
    client: &mut Host<'_, '_, N>,
    server: &mut Host<'_, '_, N>,
) {
    // Not lazily: both must have their turn.
    while client.turn() | server.turn() {}
}

fn ask<N: Netif<Error = Infallible>>(client: &mut Host<'_, '_, N>, request: &[u8]) {
    let to = SocketAddr::new(IpAddr::V4(SERVER), 8080);
    assert_eq!(client.tower.send(client.now(), 4000, to, request), Ok(Sent::Queued));
}

#[test]
fn datagrams_of_every_size_are_echoed() {
    with_hosts(
        |end, _| end,
        |client, server, heard, _| {
            let mut random = Random::new(1);
            for size in [0, 1, 2, 18, 1471, 1472, 1473, 2952, 2953, 8192, 60_000, 65_506, 65_507] {
                let request = random.bytes(size);
                ask(client, &request);
                settle(client, server);
                assert_eq!(heard.borrow_mut().pop().as_ref(), Some(&request), "{size} bytes");
            }
        },
    );
}

/// All the fragments of the first datagram wait for the neighbour's address together.
#[test]
fn the_first_datagram_is_not_lost_however_long_it_is() {
    with_hosts(
        |end, _| end,
        |client, server, heard, _| {
            let request = Random::new(2).bytes(65_507);
            ask(client, &request);
            settle(client, server);
            assert_eq!(heard.borrow_mut().pop(), Some(request));
            assert_eq!(client.counter("arp", "requests_tx"), 1);
        },
    );
}

#[test]
fn sixteen_large_replies_in_flight_all_come_back_whole() {
    with_hosts(
        |end, _| end,
        |client, server, heard, _| {
            let mut random = Random::new(3);
            let requests: Vec<_> = (0..16).map(|_| random.bytes(8192)).collect();
            requests.iter().for_each(|request| ask(client, request));
            settle(client, server);
            assert_eq!(*heard.borrow(), requests);
        },
    );
}

/// What arrives over a network that loses, doubles, reorders and pads is right; what is lost is gone,
/// memory and all.
#[test]
fn a_bad_network_loses_datagrams_and_nothing_else() {
    let bad = |end, seed| {
        let lossy =
            Lossy::new(Duplicate::new(Reorder::new(end, 7, seed), 20, seed + 10), 50, seed + 20);
        Trailing::new(lossy, 30, seed + 30)
    };
    with_hosts(bad, |client, server, heard, pool| {
        let mut random = Random::new(4);
        let mut sent = Vec::new();
        for number in 0..2000u32 {
            let mut request = number.to_be_bytes().to_vec();
            let size = random.below(6000);
            request.extend(random.bytes(size));
            ask(client, &request);
            sent.push(request);
            settle(client, server);
            client.clock().advance(Duration::from_millis(20));
        }
        settle(client, server);
        let heard = heard.borrow();
        for reply in heard.iter() {
            let number = u32::from_be_bytes(reply[..4].try_into().unwrap()) as usize;
            assert_eq!(*reply, sent[number], "reply {number} is wrong");
        }
        assert!(heard.len() > 1000, "{} of 2000 came back", heard.len());
        assert!(server.counter("ipv4", "reassembly_timeouts") > 10);
        // What is still waiting times out, and all its pages come back.
        client.clock().advance(Duration::from_secs(40));
        settle(client, server);
        let left = pool.labels().find(|label| label.name() == "ipv4.reassembly").unwrap();
        assert_eq!((left.live(), left.pages()), (0, 0), "{left}");
    });
}

#[test]
fn ping_of_any_size_is_answered() {
    with_hosts(
        |end, _| end,
        |client, server, _, _| {
            // An echo request with 65,000 bytes of data, sent through the client's own IPv4.
            for size in [0usize, 56, 65_000] {
                let mut request = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
                request.extend((0..size).map(|i| i as u8));
                let checksum = network::Checksum::new().add(&request).finish();
                request[2..4].copy_from_slice(&checksum.to_be_bytes());
                let to = network::Outgoing::new(SERVER.into(), network::Protocol::ICMP);
                assert_eq!(
                    network::Network::send(&mut client.tower, Instant::ZERO, &to, &request[..]),
                    Ok(Sent::Queued)
                );
                settle(client, server);
            }
            assert_eq!(server.counter("icmp", "echo_requests"), 3);
            assert_eq!(client.counter("icmp", "echo_replies"), 3);
        },
    );
}

#[test]
fn a_closed_port_and_an_unknown_protocol_are_reported_to_the_sender() {
    with_hosts(
        |end, _| end,
        |client, server, _, _| {
            let to = SocketAddr::new(IpAddr::V4(SERVER), 9);
            assert_eq!(client.tower.send(Instant::ZERO, 4000, to, b"anybody?"), Ok(Sent::Queued));
            settle(client, server);
            assert_eq!(client.counter("udp", "icmp_errors_unheard"), 1);
            let tcp = network::Outgoing::new(SERVER.into(), network::Protocol::TCP);
            assert_eq!(
                network::Network::send(&mut client.tower, Instant::ZERO, &tcp, [0; 20]),
                Ok(Sent::Queued)
            );
            settle(client, server);
            assert_eq!(server.counter("icmp", "errors_tx"), 2);
        },
    );
}

/// A request from a host that is not there: its reply waits for an answer to ARP that never comes, and
/// everybody else is served meanwhile.
#[test]
fn a_request_from_nowhere_delays_nobody() {
    with_hosts(
        |end, _| end,
        |client, server, heard, pool| {
            let nowhere = SocketAddr::new(IpAddr::from([10, 0, 0, 77]), 5000);
            for _ in 0..100 {
                // The reply of a service is sent just so.
                assert_eq!(
                    server.tower.send(Instant::ZERO, 8080, nowhere, [1; 8192]),
                    Ok(Sent::Queued)
                );
            }
            for second in 0..10u32 {
                ask(client, &second.to_be_bytes());
                settle(client, server);
                assert_eq!(heard.borrow_mut().pop(), Some(second.to_be_bytes().to_vec()));
                client.clock().advance(Duration::from_secs(1));
            }
            let waiting: usize =
                pool.labels().filter(|l| l.name().starts_with("arp.")).map(|l| l.pages()).sum();
            assert_eq!(waiting, 0, "given up, and nothing left behind");
        },
    );
}

/// Memory is the same after 10,000 requests as after the first ten.
#[test]
fn memory_does_not_grow_with_time() {
    with_hosts(
        |end, _| end,
        |client, server, heard, pool| {
            let mut after_ten = 0;
            for number in 0..10_000u32 {
                ask(client, &[7; 3000]);
                settle(client, server);
                heard.borrow_mut().clear();
                client.clock().advance(Duration::from_millis(1));
                if number == 10 {
                    after_ten = pool.most_pages_used();
                }
            }
            assert_eq!(pool.most_pages_used(), after_ten);
        },
    );
}
