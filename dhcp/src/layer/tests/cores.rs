//! Several cores: the first one asks, and the others follow.

use core::cell::RefCell;
use std::{boxed::Box, mem::MaybeUninit};

use ::cores::{Core, Cores, Doorbell, Sizes};
use layer::{Keeper, KeptAddress, Setup};
use rt_regions::Pool;

use super::*;

const US: Ipv4Addr = GRANTED;

struct NoBell;

impl Doorbell for NoBell {
    fn ring(&self, _core: usize) {}
}

fn leaked() -> &'static Region<'static> {
    let bytes = vec![MaybeUninit::uninit(); 1 << 18].leak();
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(bytes)));
    Box::leak(Box::new(Region::new(pool, "cores")))
}

/// A host for each of two cores, on cables of their own. The server is at that of the first.
fn with_two(probing: Probing, test: impl for<'g> FnOnce(&mut Bench<'g>, &mut Bench<'g>)) {
    let sizes = Sizes { frames: 1024, packets: 1024, messages: 1024, wire: 0 };
    let cores = Cores::new(leaked(), 2, 7, sizes, &NoBell).unwrap();
    let [zero, one] = [0, 1].map(|index| Core::join(cores, index, leaked()).unwrap());
    with_pool(512, |pool| {
        let memory = Region::new(pool, "memory");
        let mut first = Bench::with(&memory, probing, |dhcp| dhcp.on_core(zero));
        let mut other = Bench::with(&memory, Probing::No, |dhcp| dhcp.on_core(one));
        test(&mut first, &mut other);
        assert_eq!(other.messages, [], "it leaves that to the first");
    });
}

/// What both serve at, after so many seconds more.
fn after<'g>(seconds: u64, first: &mut Bench<'g>, other: &mut Bench<'g>) -> [(Cidr, bool); 2] {
    [first, other].map(|bench| {
        bench.passes(secs(seconds));
        (bench.address(), bench.ready())
    })
}

fn at(address: Ipv4Addr) -> (Cidr, bool) {
    (Cidr::new(address, 24).unwrap(), true)
}

const NOWHERE: (Cidr, bool) = (Cidr::UNSPECIFIED, false);

#[test]
fn the_other_core_serves_at_the_address_with_all_that_came_with_it() {
    with_two(Probing::No, |first, other| {
        let route = [24, 192, 0, 2, 10, 0, 0, 9].to_vec();
        first.server.options = vec![
            (options::CLASSLESS_ROUTES, route),
            (options::INTERFACE_MTU, 1000_u16.to_be_bytes().into()),
            (options::DNS_SERVERS, vec![10, 0, 0, 4]),
        ];
        assert_eq!((other.asks(US), other.ready()), (None, false));
        assert_eq!(after(1, first, other), [at(US); 2]);
        assert_eq!([first.asks(US), other.asks(US)], [Some(US); 2]);
        let lease = first.dhcp().lease().copied();
        assert!(lease.is_some_and(|lease| lease.dns.len() == 1 && lease.routes.len() == 1));
        assert_eq!(other.dhcp().lease().copied(), lease);
        assert_eq!(other.dhcp().network().link().mtu(), 1000);
        let counters = ["leases", "messages_tx"].map(|name| other.counter(name));
        assert_eq!((first.counter("leases"), counters), (1, [0, 0]));
        // A renewal is no news.
        assert_eq!(after(1803, first, other), [at(US); 2]);
        assert_eq!((first.counter("leases"), other.asks(US)), (1, Some(US)));
    });
}

#[test]
fn who_wants_to_is_told_on_each_core() {
    with_two(Probing::No, |first, other| {
        let told: &'static RefCell<Vec<bool>> = Box::leak(Box::default());
        let tell = |lease: Option<&Lease>| told.borrow_mut().push(lease.is_some());
        other.dhcp().on_lease(Box::leak(Box::new(tell)));
        let _ = after(3000, first, other);
        assert_eq!(told.take(), [true]);
        first.server.options = vec![(options::NTP_SERVERS, vec![10, 0, 0, 5])];
        let _ = after(1800, first, other);
        assert_eq!(told.take(), [true], "it says something else");
        first.server.is_up = false;
        let _ = after(3600, first, other);
        assert_eq!(told.take(), [false]);
    });
}

#[test]
fn a_lease_that_ends_ends_on_each_core_and_another_one_follows() {
    with_two(Probing::No, |first, other| {
        assert_eq!(after(1, first, other), [at(US); 2]);
        first.server.is_up = false;
        assert_eq!(after(3600, first, other), [NOWHERE; 2]);
        assert_eq!((other.asks(US), other.dhcp().lease()), (None, None));
        assert_eq!(other.dhcp().network().link().mtu(), 1500);
        first.server.is_up = true;
        assert_eq!(after(70, first, other), [at(US); 2]);
    });
}

#[test]
fn an_address_that_is_denied_is_replaced_on_each_core() {
    with_two(Probing::No, |first, other| {
        assert_eq!(after(1, first, other), [at(US); 2]);
        let next = Ipv4Addr::new(10, 0, 0, 105);
        first.server.leases.values_mut().for_each(|(address, _)| *address = next);
        assert_eq!(after(1803, first, other), [at(next); 2]);
        assert_eq!((other.asks(US), other.asks(next)), (None, Some(next)));
        assert_eq!((first.counter("denials"), other.counter("lost")), (1, 0));
    });
}

/// The first core probes, and the other one uses the address when it is known whose it is.
#[test]
fn an_address_that_is_probed_for_is_used_when_it_is_ours() {
    with_two(Probing::Yes, |first, other| {
        first.squatters = vec![US];
        assert_eq!(after(3, first, other), [NOWHERE; 2]);
        let next = Ipv4Addr::new(10, 0, 0, 101);
        assert_eq!(after(22, first, other), [at(next); 2]);
        assert_eq!((first.server.declined.as_slice(), other.asks(US)), (&[US][..], None));
    });
}

/// A place that nothing is to be kept in.
#[derive(Debug)]
struct Nowhere;

impl KeptAddress for Nowhere {
    fn load(&self) -> Option<Ipv4Addr> {
        None
    }

    fn store(&self, address: Option<Ipv4Addr>) {
        panic!("{address:?} is not its affair");
    }
}

#[test]
fn what_is_for_the_first_core_is_left_to_it() {
    with_two(Probing::No, |first, other| {
        let mut setup = Setup::default();
        setup.probe_at_start = true;
        (setup.last_address, setup.keeper) = (Some(US), Some(Keeper(&Nowhere)));
        other.host.tower.configure(&mut setup);
        assert_eq!(setup, Setup::default(), "all is taken");
        assert_eq!(after(1, first, other), [at(US); 2]);
    });
}

/// The other core serves until the first one has given the address back.
#[test]
fn the_address_is_given_back_once_and_all_end() {
    with_two(Probing::No, |first, other| {
        assert_eq!(after(1, first, other), [at(US); 2]);
        first.messages.clear();
        let mut seconds = 0;
        while !first.host.tower.end(first.host.now()).unwrap() {
            assert!(!other.host.tower.end(other.host.now()).unwrap());
            assert_eq!(other.asks(US), Some(US));
            let _ = after(1, first, other);
            seconds += 1;
        }
        other.turn();
        assert!(other.host.tower.end(other.host.now()).unwrap() && seconds <= 2, "{seconds} s");
        assert_eq!(first.messages, [(US, SERVER, MessageType::RELEASE)]);
        assert_eq!(other.asks(US), None);
    });
    // Before there is a lease, and where it is kept.
    for is_kept in [false, true] {
        with_two(Probing::No, |first, other| {
            first.server.is_up = is_kept;
            if is_kept {
                let mut setup = Setup::default();
                setup.last_address = Some(US);
                first.host.tower.configure(&mut setup);
            }
            let _ = after(1, first, other);
            assert!(!other.host.tower.end(other.host.now()).unwrap());
            assert!(first.host.tower.end(first.host.now()).unwrap());
            other.turn();
            assert!(other.host.tower.end(other.host.now()).unwrap());
        });
    }
}

#[test]
fn with_an_address_of_its_own_each_core_serves_at_that() {
    let sizes = Sizes { frames: 1024, packets: 1024, messages: 1024, wire: 0 };
    let cores = Cores::new(leaked(), 2, 7, sizes, &NoBell).unwrap();
    let one = Core::join(cores, 1, leaked()).unwrap();
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let mut bench = Bench::with(&memory, Probing::No, |dhcp| dhcp.enabled(false).on_core(one));
        bench.dhcp().network_mut().link_mut().set_address(at(US).0);
        bench.passes(secs(1));
        assert_eq!((bench.asks(US), bench.ready(), bench.messages.len()), (Some(US), true, 0));
        assert!(bench.host.tower.end(bench.host.now()).unwrap());
    });
}
