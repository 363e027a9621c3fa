//! A host that is turned by hand: what is due happens when it is due, and what nobody wants is given back.

use std::{convert::Infallible, net::Ipv4Addr, time::Duration};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Counter, Instant, Layer, Rx};
use netif::MacAddr;
use network::Sent;
use rt_regions::Region;
use testkit::{Clock, End, Host, Wire, with_pool};
use udp::Udp;

const SECOND: Duration = Duration::from_secs(1);

type Stack<'g> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<End>>>>>;

fn stack<'g>(end: End, address: [u8; 4], memory: &'g Region<'g>) -> Stack<'g> {
    let cidr = Cidr::new(Ipv4Addr::from(address), 24).unwrap();
    let arp = Arp::new(Ethernet::new(end), cidr, 7, memory).unwrap();
    Udp::new(Icmp::new(Ipv4::new(arp, 7, memory).unwrap(), 7), 7, memory).unwrap()
}

/// An address is announced twice, two seconds apart (RFC 5227 2.3): each at its time, however long the sleep is.
#[test]
fn a_sleep_stops_at_each_deadline() {
    with_pool(64, |pool| {
        let memory = Region::new(pool, "memory");
        let (wire, end) = Wire::new(MacAddr([2, 0, 0, 0, 0, 1]));
        let clock = Clock::new();
        let mut host = Host::new(stack(end, [10, 0, 0, 1], &memory), clock.clone(), pool);
        host.sleep(60 * SECOND);
        assert_eq!(wire.drain().len(), 2);
        assert_eq!(host.now(), Instant::from_millis(60_000));
        assert_eq!(clock.now(), host.now());
    });
}

#[test]
fn what_no_service_claims_is_answered_by_the_tower() {
    with_pool(64, |pool| {
        let memory = [Region::new(pool, "one"), Region::new(pool, "other")];
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
        let clock = Clock::starting_at(Instant::from_millis(5));
        let mut one = Host::new(stack(one, [10, 0, 0, 1], &memory[0]), clock.clone(), pool);
        let mut other = Host::new(stack(other, [10, 0, 0, 2], &memory[1]), clock, pool);
        let nobody = ([10, 0, 0, 2], 9).into();
        let sent = one.tower.send(one.now(), 4000, nobody, b"is anybody there?");
        assert_eq!(sent, Ok(Sent::Queued));
        while one.turn() | other.turn() {}
        assert_eq!(other.counter("icmp", "errors_tx"), 1);
        assert_eq!(one.counter("udp", "icmp_errors_unheard"), 1);
        assert!(!one.turn(), "nothing is left to do");
    });
}

#[test]
#[should_panic(expected = "there is no counter udp.nonsense")]
fn a_counter_that_does_not_exist_is_a_mistake_of_the_test() {
    with_pool(64, |pool| {
        let memory = Region::new(pool, "memory");
        let (_wire, end) = Wire::new(MacAddr([2, 0, 0, 0, 0, 1]));
        let host = Host::new(stack(end, [10, 0, 0, 1], &memory), Clock::new(), pool);
        host.counter("udp", "nonsense");
    });
}

/// A layer with a bug: it is always due, and never does anything. Its loop would not sleep any more.
struct Stuck;

impl Layer for Stuck {
    type Error = Infallible;
    type Event = ();
    type Item<'r> = ();

    fn event(&self) {}

    fn receive(&mut self, _: Instant, _: &Region<'_>) -> Result<Rx<()>, Infallible> {
        Ok(Rx::Idle)
    }

    fn unclaimed(&mut self, _: Instant, _: ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        Some(Instant::from_millis(1_000))
    }

    fn counters(&self, _: &mut dyn FnMut(Counter)) {}
}

#[test]
#[should_panic(expected = "the deadline 1.000000 is never met")]
fn a_deadline_that_stays_is_noticed() {
    with_pool(8, |pool| Host::new(Stuck, Clock::new(), pool).sleep(2 * SECOND));
}
