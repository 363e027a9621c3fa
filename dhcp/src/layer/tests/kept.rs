//! The address over a restart.

use core::cell::RefCell;
use std::boxed::Box;

use layer::{Keeper, KeptAddress, Setup};

use super::*;

/// A place that says what was kept in it, one after the other.
#[derive(Debug, Default)]
struct Place(RefCell<Vec<Option<Ipv4Addr>>>);

impl KeptAddress for Place {
    fn load(&self) -> Option<Ipv4Addr> {
        self.0.borrow().last().copied().flatten()
    }

    fn store(&self, address: Option<Ipv4Addr>) {
        self.0.borrow_mut().push(address);
    }
}

/// The next start with this place, as the loop does it.
fn starts(bench: &mut Bench<'_>, place: &'static Place) {
    let mut setup = Setup::default();
    (setup.last_address, setup.keeper) = (place.load(), Some(Keeper(place)));
    bench.host.tower.configure(&mut setup);
    assert_eq!(setup, Setup::default(), "all is taken");
}

fn with_places(test: impl FnOnce(&mut dyn FnMut(&mut dyn FnMut(&mut Bench<'_>)), &'static Place)) {
    let place: &'static Place = Box::leak(Box::default());
    let mut start = |run: &mut dyn FnMut(&mut Bench<'_>)| {
        with_bench(Probing::No, |bench| {
            starts(bench, place);
            run(bench);
        });
    };
    test(&mut start, place);
}

fn kinds(bench: &Bench<'_>) -> Vec<MessageType> {
    bench.messages.iter().map(|(_, _, kind)| *kind).collect()
}

#[test]
fn an_address_that_is_kept_is_asked_for_and_not_given_back() {
    with_places(|start, place| {
        let mut leases = None;
        start(&mut |bench| {
            bench.passes(secs(1));
            assert_eq!(kinds(bench), [MessageType::DISCOVER, MessageType::REQUEST]);
            bench.messages.clear();
            assert!(bench.host.tower.end(bench.host.now()).unwrap(), "it has nothing to say");
            bench.passes(secs(2));
            assert_eq!((kinds(bench), bench.ready()), (vec![], true));
            leases = Some(bench.server.leases.clone());
        });
        assert_eq!(*place.0.borrow(), [Some(GRANTED)]);
        // The next start asks for it in one message.
        start(&mut |bench| {
            bench.server.leases = leases.clone().unwrap();
            bench.passes(secs(1));
            assert_eq!(
                (kinds(bench), bench.address().address()),
                (vec![MessageType::REQUEST], GRANTED)
            );
            assert!(bench.messages[0].0.is_unspecified() && bench.messages[0].1.is_broadcast());
        });
        assert_eq!(*place.0.borrow(), [Some(GRANTED); 2]);
    });
}

/// The server has given it to somebody else in the meantime, or the host is in another network.
#[test]
fn an_address_from_before_that_is_denied_is_not_kept() {
    with_places(|start, place| {
        let before = Ipv4Addr::new(192, 0, 2, 7);
        place.store(Some(before));
        start(&mut |bench| {
            let id = ClientId::of(MAC).bytes().to_vec();
            let until = bench.host.now() + secs(10);
            bench.server.leases.insert(id, (GRANTED, until));
            bench.passes(secs(2));
            let denied = [MessageType::REQUEST, MessageType::DISCOVER, MessageType::REQUEST];
            assert_eq!((kinds(bench), bench.address().address()), (denied.to_vec(), GRANTED));
            assert_eq!(bench.counter("denials"), 1);
        });
        assert_eq!(*place.0.borrow(), [Some(before), Some(GRANTED)]);
    });
}

/// A server that does not know the client says nothing (RFC 2131 4.3.2). Then the address is a wish.
#[test]
fn without_an_answer_it_is_asked_for_as_any_other() {
    with_places(|start, place| {
        let before = Ipv4Addr::new(10, 0, 0, 107);
        place.store(Some(before));
        start(&mut |bench| {
            bench.passes(secs(14));
            let asked = [
                MessageType::REQUEST,
                MessageType::REQUEST,
                MessageType::DISCOVER,
                MessageType::REQUEST,
            ];
            assert_eq!((kinds(bench), bench.address().address()), (asked.to_vec(), before));
        });
    });
}

#[test]
fn an_address_that_is_lost_is_not_kept() {
    with_places(|start, place| {
        start(&mut |bench| {
            bench.passes(secs(1));
            bench.server.is_up = false;
            bench.passes(secs(3600));
            assert!(!bench.ready());
        });
        assert_eq!(*place.0.borrow(), [Some(GRANTED), None]);
    });
}

#[test]
fn a_client_that_is_off_leaves_it_to_others() {
    let place: &'static Place = Box::leak(Box::default());
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let mut bench = Bench::with(&memory, Probing::No, |dhcp| dhcp.enabled(false));
        let mut setup = Setup::default();
        (setup.last_address, setup.keeper) = (Some(GRANTED), Some(Keeper(place)));
        let before = setup;
        bench.host.tower.configure(&mut setup);
        assert_eq!(setup, before);
        bench.passes(secs(100));
        assert_eq!((bench.messages.len(), place.0.borrow().len()), (0, 0));
    });
}

#[test]
fn a_client_that_has_begun_goes_on() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        bench.messages.clear();
        let place: &'static Place = Box::leak(Box::default());
        place.store(Some(Ipv4Addr::new(10, 0, 0, 107)));
        starts(bench, place);
        bench.passes(secs(1));
        assert_eq!((bench.address().address(), bench.messages.len()), (GRANTED, 0));
    });
}
