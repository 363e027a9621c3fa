//! A device with a pair of queues for each core.

mod team;

use netif::Netif;
use netif_xen::{ProtocolViolation, Queues};
use rt_xen::Guest as _;
use testkit::Random;

use self::team::Team;
use crate::support::frame;

#[test]
fn each_core_has_its_queues() {
    for cores in [2, 3] {
        let mut team = Team::new(cores);
        assert_eq!(team.backends[0].borrow().queues(), cores as u32);
        for (core, backend) in team.backends.iter().enumerate() {
            assert_eq!(team.world.core_of(backend.borrow().port), core, "each has its channel");
        }
        team.meet();
        for _ in 0..300 {
            team.works();
        }
        assert_eq!((team.count(0, "connections"), team.wakes.get()), (1, 0), "nothing begins anew");
        team.end();
    }
}

/// The backend is connected before the other cores start. What comes for them waits in the backend.
#[test]
fn what_comes_before_a_core_starts_waits_for_it() {
    let mut team = Team::with(2, Some("2"), false);
    assert!(team.first.is_spread());
    team.backends[1].borrow_mut().send(&frame(70, 1));
    team.turn();
    team.send(0, &frame(80, 2));
    team.receive(0);
    team.turn();
    assert_eq!(team.sent(0), [frame(80, 2)]);
    team.join();
    team.turn();
    assert_eq!(team.receive(1), [frame(70, 1)]);
    team.works();
    team.end();
}

/// With fewer queues than cores, or if it says nothing that is a number, the device is used as by one core.
#[test]
fn a_backend_with_too_few_queues_has_one() {
    for most in [None, Some("0"), Some("1"), Some("2"), Some(""), Some("many"), Some("99999999999")]
    {
        let mut team = Team::with(3, most, false);
        team.join();
        for _ in 0..5 {
            team.works_with_one();
        }
        team.end();
    }
}

/// More queues than cores do no harm.
#[test]
fn a_backend_with_more_queues_uses_as_many_as_there_are_cores() {
    let mut team = Team::with(2, Some("8"), false);
    team.join();
    assert_eq!(team.backends[0].borrow().queues(), 2);
    team.works();
    team.end();
}

#[test]
fn a_number_that_no_other_core_has_has_no_queues() {
    let team = Team::with(2, Some("2"), false);
    for core in [0, 2, usize::MAX] {
        let memory = team.world.memory();
        assert!(Queues::new(core, team.guest(), false, memory, team.pairs).unwrap().is_none());
    }
    team.end();
}

/// The backend closes, and comes again: each core leaves its rings, and none is offered before all have.
#[test]
fn a_connection_that_ends_is_followed_by_one_when_all_have_left() {
    let mut team = Team::new(3);
    team.works();
    team.backends[0].borrow_mut().set("state", "5");
    team.receive(0);
    // Two are busy: what they send meanwhile is lost, and nothing else.
    assert!(!team.first.is_spread());
    for _ in 0..4 {
        team.turn();
        team.receive(0);
        assert_eq!(team.backends[0].borrow().front("state"), Some(1), "it waits for them");
    }
    team.send(1, &frame(60, 1));
    let wakes = team.wakes.get();
    assert_eq!(team.receive(1), Vec::<Vec<u8>>::new());
    assert!(team.wakes.get() > wakes, "the first core sleeps on");
    team.turn();
    team.receive(0);
    assert_eq!(team.backends[0].borrow().front("state"), Some(1), "one has not left");
    team.receive(2);
    team.meet();
    team.works();
    assert_eq!(team.count(0, "connections"), 2);
    team.end();
}

/// The backend lies to one core: the connection is closed, and begins anew for all.
#[test]
fn a_lie_to_any_core_closes_the_connection() {
    for liar in 0..3 {
        let mut team = Team::new(3);
        team.works();
        team.lie(liar);
        if liar > 0 {
            let wakes = team.wakes.get();
            assert_eq!(team.receive(liar), Vec::<Vec<u8>>::new());
            assert!(!team.others[liar - 1].netif.link_up());
            assert_eq!(team.count(liar, "backend_violations"), 1);
            assert_eq!(team.wakes.get(), wakes + 1, "the first core sleeps on");
            assert_eq!(team.receive(liar), Vec::<Vec<u8>>::new());
        }
        team.receive(0);
        assert!(!team.first.is_spread() && !team.first.is_connected());
        let expected = match liar {
            0 => ProtocolViolation::Index(100_000),
            _ => ProtocolViolation::OtherCore,
        };
        assert_eq!(team.first.last_violation(), Some(expected));
        team.meet();
        team.works();
        assert_eq!(team.count(0, "connections"), 2, "of core {liar}");
        team.end();
    }
}

/// A core that cannot have its queues says so: then there is one for all.
#[test]
fn a_core_without_memory_has_the_device_use_one_queue() {
    let mut team = Team::with(2, Some("2"), false);
    assert!(team.first.is_spread());
    let mut taken = Vec::new();
    while let Ok(page) = team.world.pool().page("taken") {
        taken.push(page);
    }
    let memory = team.world.memory();
    assert!(Queues::new(1, team.guest(), false, memory, team.pairs).is_err());
    assert_eq!(team.wakes.get(), 1, "the first core sleeps on");
    drop(taken);
    team.meet();
    for _ in 0..5 {
        team.works_with_one();
    }
    team.end();
}

/// The backend keeps pages of another core: they are left out until it lets go of them.
#[test]
fn pages_that_the_backend_keeps_are_left_out() {
    let mut team = Team::new(2);
    team.works();
    let kept: Vec<_> = team.world.grant_numbers().into_iter().rev().take(20).collect();
    for grant in &kept {
        team.world.map(*grant);
    }
    team.backends[0].borrow_mut().set("state", "5");
    team.meet();
    team.works();
    kept.iter().for_each(|grant| team.world.unmap(*grant));
    team.works();
    team.end();
}

/// After a restart the backend may have other queues.
#[test]
fn a_backend_that_changes_gets_as_many_queues_as_it_has() {
    let mut team = Team::new(2);
    for (most, queues) in [("1", 1), ("2", 2), ("1", 1), ("4", 2)] {
        team.works_as_it_is();
        team.backends[0].borrow_mut().set("multi-queue-max-queues", most);
        team.backends[0].borrow_mut().set("state", "5");
        team.meet();
        assert_eq!(team.backends[0].borrow().queues(), queues);
    }
    team.works();
    team.end();
}

/// All that cores and a backend can do to one another, in any order: no panic, no page that is used while it is lent, and in the end
/// frames go both ways at each core.
#[test]
fn two_cores_and_a_backend_that_fails() {
    let (mut frames, mut connections) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut team = Team::new(2);
        for _ in 0..500 {
            let core = random.below(2);
            match random.below(16) {
                0..4 => frames += team.receive(core).len(),
                4..6 => team.send(core, &frame(60 + random.below(1000), 3)),
                6..9 => team.turn(),
                9..11 => team.backends[core].borrow_mut().send(&frame(60 + random.below(1000), 4)),
                11 if random.below(4) == 0 => {
                    let state = ["5", "6", "2", "1"][random.below(4)];
                    team.backends[0].borrow_mut().set("state", state);
                }
                12 if random.below(4) == 0 && team.backends[core].borrow().is_connected() => {
                    team.lie(core);
                }
                13 if random.below(8) == 0 => {
                    let most = ["1", "2", "", "3"][random.below(4)];
                    team.backends[0].borrow_mut().set("multi-queue-max-queues", most);
                }
                14 if random.below(8) == 0 => {
                    let numbers = team.world.grant_numbers();
                    if !numbers.is_empty() {
                        team.world.map(numbers[random.below(numbers.len())]);
                    }
                }
                15 if random.below(8) == 0 && !team.backends[0].borrow().is_connected() => {
                    team.world.unmap_all();
                }
                _ => {}
            }
        }
        connections += team.count(0, "connections");
        for backend in &team.backends {
            backend.borrow_mut().disconnect();
            backend.borrow_mut().to_guest.clear();
        }
        team.world.unmap_all();
        team.backends[0].borrow_mut().set("multi-queue-max-queues", "2");
        team.backends[0].borrow_mut().set("state", "5");
        team.meet();
        drop((team.sent(0), team.sent(1)));
        team.works();
        team.end();
    }
    assert!(frames > 3000 && connections > 1000, "{frames} frames, {connections} connections");
}
