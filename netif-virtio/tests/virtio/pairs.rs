//! A device with a pair of queues for each core.

mod team;

use netif::Netif;
use netif_virtio::DeviceError;
use testkit::Random;

use self::team::{Answer, Team};
use crate::{
    simulated::transport::{NEEDS_RESET, Registers, feature},
    support::frame,
};

#[test]
fn each_core_has_its_queues() {
    for cores in [2, 3] {
        let mut team = Team::new(cores);
        team.meet();
        for _ in 0..300 {
            team.works();
        }
        assert_eq!(*team.told.borrow(), [cores as u16], "one command");
        assert_eq!(team.registers.borrow().reset_count, 2, "one reset more than with one core");
        team.end();
    }
}

/// What a core sends before the others are there goes by its own queues; and what it sends when they are is not lost in the reset.
#[test]
fn nothing_is_lost_while_the_queues_come_into_use() {
    let mut team = Team::new(2);
    team.first.send(&frame(70, 1));
    // The reset came before the frame, not after it.
    assert_eq!(team.registers.borrow().reset_count, 2);
    team.first.receive();
    team.turn();
    assert_eq!(team.first.sent(), [frame(70, 1)]);
    assert!(team.first.netif.is_spread());
    team.meet();
    team.works();
    team.end();
}

/// With fewer pairs than cores, or without the feature, the device is used as by one core.
#[test]
fn a_device_with_too_few_pairs_has_one() {
    for (pairs, offered) in [(1, feature::SEVERAL), (2, feature::SEVERAL), (3, 0), (0, 1 << 22)] {
        let change = |registers: &mut Registers| {
            registers.offered = registers.offered & !feature::SEVERAL | offered;
        };
        let mut team = Team::with(3, pairs, change, Answer::Obeys);
        for _ in 0..5 {
            team.works_with_one();
        }
        assert_eq!((team.told.borrow().len(), team.wakes.get()), (0, 0));
        assert_eq!(team.registers.borrow().reset_count, 1);
        assert_eq!(team.registers.borrow().accepted & feature::SEVERAL, 0);
        team.end();
    }
}

/// More pairs than cores do no harm.
#[test]
fn a_device_with_more_pairs_uses_as_many_as_there_are_cores() {
    let mut team = Team::with(2, 3, |_| (), Answer::Obeys);
    team.meet();
    team.works();
    assert_eq!(*team.told.borrow(), [2]);
    team.end();
}

/// A device that does not obey is asked once, and serves with one pair.
#[test]
fn a_device_that_does_not_obey_has_one_pair() {
    use Answer::{Never, Nothing, OtherBuffer, Refuses, TooMany};
    for answer in [Refuses, Never, OtherBuffer, Nothing, TooMany] {
        let mut team = Team::with(2, 2, |_| (), answer);
        for _ in 0..5 {
            team.first.receive();
            team.others[0].receive();
            team.turn();
        }
        assert_eq!(team.told.borrow().len(), 1, "{answer:?}");
        assert_eq!(team.first.netif.last_error(), Some(DeviceError::NoPairs));
        for _ in 0..5 {
            team.works_with_one();
        }
        let commands = team.registers.borrow().queues[4];
        assert!(commands.is_none(), "there are no other queues than those of the first core");
        assert!(team.registers.borrow().queues[2].is_none());
        team.end();
    }
}

/// So does one whose queues are too short, or of no size.
#[test]
fn queues_that_cannot_be_used_are_not() {
    for (sizes, command_size) in [([256, 256], 0), ([256, 256], 1), ([256, 256], 3)] {
        let change = |registers: &mut Registers| {
            (registers.sizes, registers.command_size) = (sizes, command_size);
        };
        let mut team = Team::with(2, 2, change, Answer::Obeys);
        for _ in 0..5 {
            team.first.receive();
            team.others[0].receive();
        }
        assert_eq!(*team.told.borrow(), [] as [u16; 0]);
        team.works_with_one();
        team.end();
    }
}

/// The device lies to one core: it is reset, each core lends its queues anew, and nothing of what was lent is used before the reset
/// was confirmed.
#[test]
fn a_lie_to_any_core_resets_the_device() {
    for liar in 0..3 {
        let mut team = Team::new(3);
        team.meet();
        team.works();
        match liar {
            0 => team.first.lie(),
            core => team.others[core - 1].lie(),
        }
        if liar > 0 {
            let (other, wakes) = (&mut team.others[liar - 1], team.wakes.get());
            let lent = other.world.shared_pages();
            assert_eq!(other.receive(), Vec::<Vec<u8>>::new());
            assert_eq!((other.netif.link_up(), other.count("device_violations")), (false, 1));
            assert_eq!(team.wakes.get(), wakes + 1, "the first core sleeps on");
            assert_eq!(other.receive(), Vec::<Vec<u8>>::new());
            // But for the page whose buffer was used.
            assert!(other.world.shared_pages() >= lent - 1, "the device has not confirmed a reset");
        }
        team.first.receive();
        assert!(!team.first.netif.is_spread());
        team.meet();
        team.works();
        assert_eq!(*team.told.borrow(), [3, 3], "of core {liar}");
        assert_eq!(team.registers.borrow().reset_count, 4);
        team.end();
    }
}

/// A core that computes for long keeps nobody else from the device.
#[test]
fn a_core_that_is_busy_delays_its_queues_alone() {
    let mut team = Team::new(3);
    team.meet();
    team.registers.borrow_mut().status |= NEEDS_RESET;
    team.first.world.change_config();
    team.first.receive();
    // One is back, and one is not.
    team.others[0].receive();
    for _ in 0..5 {
        team.first.deliver(&frame(60, 1));
        team.first.receive();
        team.first.device.borrow_mut().turn();
        assert_eq!(team.first.receive(), [frame(60, 1)]);
        assert!(!team.first.netif.is_spread());
        team.others[0].receive();
        assert!(!team.others[0].netif.link_up());
    }
    // It still believes in its queues: what it sends is lost, and nothing else.
    team.others[1].send(&frame(60, 7));
    team.meet();
    team.works();
    team.end();
}

/// After a reset the device may be another one: then the queues are those that fit it.
#[test]
fn a_device_that_changes_gets_other_queues() {
    let mut team = Team::new(2);
    team.meet();
    assert_eq!(team.others[0].netif.mtu(), 1500);
    {
        let mut registers = team.registers.borrow_mut();
        registers.offered |= feature::MTU;
        registers.set_mtu(1400);
        registers.sizes = [64, 128];
        registers.status |= NEEDS_RESET;
    }
    team.first.world.change_config();
    team.meet();
    assert_eq!((team.first.netif.mtu(), team.others[0].netif.mtu()), (1400, 1400));
    let queues = team.registers.borrow().queues;
    let sizes = queues.map(|queue| queue.map_or(0, |places| places.size));
    assert_eq!(sizes[..5], [64, 128, 64, 128, 64]);
    team.works();
    // It has no pairs any more.
    {
        let mut registers = team.registers.borrow_mut();
        registers.offered &= !feature::SEVERAL;
        registers.status |= NEEDS_RESET;
    }
    team.first.world.change_config();
    team.first.receive();
    team.others[0].receive();
    team.works_with_one();
    team.end();
}

/// A device that is another one after each reset is not reset for ever.
#[test]
fn a_device_that_never_stays_the_same_comes_to_rest_with_one_pair() {
    let mut team = Team::with(2, 2, |registers| registers.offered |= feature::MTU, Answer::Obeys);
    for round in 0..100_u16 {
        team.registers.borrow_mut().set_mtu(1000 + round);
        team.first.receive();
        team.others[0].receive();
    }
    let resets = team.registers.borrow().reset_count;
    assert!(resets < 20, "{resets} resets");
    team.works_with_one();
    team.end();
}

/// A device that takes nothing from another core's queue is looked at by the first.
#[test]
fn a_device_that_was_reset_behind_the_back_of_all_is_noticed_by_any() {
    let mut team = Team::new(2);
    team.meet();
    team.others[0].device.borrow_mut().holds_back = true;
    team.registers.borrow_mut().status = 0;
    let other = &mut team.others[0];
    let mut sent = 0;
    while other.count("tx_queue_full") == 0 {
        other.send(&frame(60, sent));
        sent += 1;
        assert!(sent < 1000, "nothing is noticed");
    }
    team.others[0].device.borrow_mut().holds_back = false;
    team.first.receive();
    assert_eq!(team.first.count("device_failures"), 1);
    team.meet();
    team.works();
    team.end();
}

/// All that cores and a device can do to one another, in any order: no panic, no page that is used while it is lent, and in the end
/// frames go both ways at each core.
#[test]
#[cfg_attr(miri, ignore = "Miri takes a thousand times as long")]
fn two_cores_and_a_device_that_fails() {
    let (mut frames, mut resets) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut team = Team::new(2);
        for _ in 0..500 {
            match random.below(20) {
                0..3 => drop(team.first.receive()),
                3..6 => frames += team.others[0].receive().len(),
                6 => team.first.send(&frame(60 + random.below(1000), 3)),
                7 => team.others[0].send(&frame(60 + random.below(1000), 3)),
                8..11 => team.first.device.borrow_mut().turn(),
                11..14 => team.others[0].device.borrow_mut().turn(),
                14 => team.first.deliver(&frame(60 + random.below(1000), 4)),
                15 => team.others[0].deliver(&frame(60 + random.below(1000), 4)),
                16 if random.below(8) == 0 => {
                    let mut registers = team.registers.borrow_mut();
                    match random.below(3) {
                        0 => registers.status |= NEEDS_RESET,
                        1 => registers.status = 0,
                        _ => {
                            registers.offered ^= feature::MTU;
                            registers.set_mtu([1500, 1400][random.below(2)]);
                        }
                    }
                    drop(registers);
                    team.first.world.change_config();
                }
                17 if random.below(8) == 0 && team.first.device.borrow().rx.is_some() => {
                    let is_ready = team.registers.borrow().is_ready();
                    if is_ready {
                        team.first.lie();
                    }
                }
                18 if random.below(8) == 0 && team.others[0].device.borrow().rx.is_some() => {
                    let is_ready = team.registers.borrow().is_ready();
                    if is_ready && team.registers.borrow().queues[2].is_some() {
                        team.others[0].lie();
                    }
                }
                _ => {}
            }
        }
        resets += team.registers.borrow().reset_count;
        team.registers.borrow_mut().offered |= feature::SEVERAL;
        for it in [&team.first.device, &team.others[0].device] {
            it.borrow_mut().to_guest.clear();
        }
        for _ in 0..10 {
            team.first.receive();
            team.others[0].receive();
            team.turn();
        }
        if team.registers.borrow().accepted & feature::SEVERAL != 0 && team.told.borrow().len() < 8
        {
            team.meet();
        }
        drop((team.first.sent(), team.others[0].sent()));
        team.first.world.take_interrupt();
        team.others[0].world.take_interrupt();
        if team.others[0].netif.link_up() {
            team.works();
        } else {
            team.works_with_one();
        }
        team.end();
    }
    assert!(frames > 3000 && resets > 1000, "{frames} frames, {resets} resets");
}
