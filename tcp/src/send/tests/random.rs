//! Transfers over networks of all kinds: every byte arrives, and nothing stalls.

use testkit::Random;

use super::{
    line::Conditions,
    world::{Setup, World},
    *,
};

fn conditions(random: &mut Random) -> Conditions {
    let share = |random: &mut Random, most: usize| match random.once_in(2) {
        true => random.below(most),
        false => 0,
    };
    let most = 1 << random.below(17);
    Conditions {
        delay: Duration::from_micros(random.below(most) as u64),
        rate: if random.once_in(3) { 0 } else { 50_000 + random.below(100_000_000) as u64 },
        queue: 9_100 + random.below(300_000) as u64,
        lost: share(random, 100_000),
        burst: if random.once_in(8) { random.below(5) as u32 } else { 0 },
        duplicated: share(random, 50_000),
        held: share(random, 100_000),
        held_for: Duration::from_micros(random.below(20_000) as u64),
        overtaken: share(random, 100_000),
    }
}

/// One transfer; the peer reads at once, or slowly, or now and then.
fn transfer(seed: u64) -> u64 {
    let random = &mut Random::new(seed);
    let mut steps = 0;
    with_pool(2200, |pool| {
        // Sometimes memory is short.
        let pages = [8, 20, 100, 2000][random.below(4)];
        let slabs = Slabs::new(pool, "tcp.buffers").with_cap(4096 * pages);
        let limits = (
            [4096, 20_000, 1 << 16, 1 << 20, 4 << 20][random.below(5)],
            [2000, 20_000, 1 << 16, 1 << 20, 4 << 20][random.below(5)],
        );
        let setup = Setup {
            there: conditions(random),
            back: conditions(random),
            seed,
            has_sack: !random.once_in(4),
            has_timestamps: random.once_in(2),
            most: [1, 3000, 16_384, 65_535][random.below(4)],
            mss: [88, 536, 1448, 8948][random.below(4)],
            limits,
        };
        let mut world = World::new(&slabs, setup);
        world.sender.set_nodelay(random.once_in(2));
        // Chance may lose the same segment many times.
        world.sender.set_user_timeout(Some(Duration::from_secs(8 * 3600)));
        if random.once_in(4) {
            world.sender.set_congestion_control(CongestionControl::NewReno);
        }
        let total = 1 + random.below(400_000) as u64;
        let (greedy, reads) = (random.once_in(2), random.below(4));
        let mut pushed = 0;
        let end = world.now + Duration::from_secs(4 * 3600);
        while !world.sender.fin_is_acked() {
            steps += 1;
            assert!(
                world.now < end,
                "seed {seed}: stalls at {} of {total}, {setup:?}, {:?}, {:?}",
                world.receiver.next,
                world.sender,
                world.receiver
            );
            if greedy || random.once_in(3) {
                pushed = (pushed + 1 + random.below(30_000) as u64).min(total);
            }
            world.push(pushed);
            if pushed == total && world.all_pushed(total) {
                world.sender.finish();
            }
            if random.once_in(2000) && setup.mss > 100 {
                world.sender.set_mss(100 + random.below(setup.mss as usize - 100) as u32);
            }
            world.flush();
            if !world.step() {
                world.now += Duration::from_millis(1);
            }
            assert!(!world.given_up, "seed {seed}: given up, {setup:?}, {:?}", world.sender);
            world.sender.check();
            let is_full = world.receiver.window() == 0;
            if reads == 0 || random.once_in(if is_full { 4 } else { reads * 20 }) {
                world.read(random.below(100_000) as u32);
            }
        }
        assert_eq!((world.receiver.next, world.receiver.fin), (total, true), "seed {seed}");
        drop(world);
        assert_eq!(slabs.pages(), 0);
    });
    steps
}

#[test]
fn every_byte_arrives() {
    let steps: u64 = (0..300).map(transfer).sum();
    assert!(steps > 300_000, "{steps}");
}

/// 10,000 transfers and millions of steps.
#[test]
#[ignore = "takes minutes"]
fn every_byte_arrives_many_times() {
    let steps: u64 = (1000..11_000).map(transfer).sum();
    assert!(steps > 10_000_000, "{steps}");
}

/// A larger buffer is not slower, and nothing stalls while it grows.
#[test]
fn larger_buffers_are_not_slower() {
    let there = Conditions {
        delay: Duration::from_millis(5),
        rate: 12_500_000,
        queue: 200_000,
        ..Conditions::default()
    };
    let rates = [4, 16, 64, 256, 1024, 4096].map(|kilobytes: u32| {
        let mut rate = 0.0;
        with_pool(2200, |pool| {
            let slabs = Slabs::new(pool, "tcp.buffers");
            let limits = (kilobytes << 10, 6 << 20);
            let setup = Setup { limits, ..Setup::both_ways(there, 1) };
            let mut world = World::new(&slabs, setup);
            let megabytes = if kilobytes < 64 { 1 } else { 10 };
            let took = world.transfer(megabytes * 1_000_000);
            rate = megabytes as f64 / took.as_secs_f64();
        });
        rate
    });
    for pair in rates.windows(2) {
        assert!(pair[1] > pair[0] * 0.98, "MB/s: {rates:?}");
    }
    assert!(rates[5] > 11.0, "MB/s: {rates:?}");
}
