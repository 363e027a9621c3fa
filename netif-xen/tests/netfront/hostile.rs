//! A backend that does as it likes: at least 10^6 steps.

use testkit::Random;

use crate::simulated::hostile;

#[test]
fn a_million_steps_of_a_hostile_backend() {
    let mut all = hostile::Happened::default();
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let mut left = 45_000;
        let mut numbers = || {
            left -= 1;
            (left > 0).then(|| (random.bits() >> 20) as u32)
        };
        let happened = hostile::run(&mut numbers);
        all.steps += happened.steps;
        all.frames_rx += happened.frames_rx;
        all.frames_tx += happened.frames_tx;
        all.connections += happened.connections;
        all.lies += happened.lies;
        all.in_use += happened.in_use;
        all.joined += happened.joined;
        all.cut += happened.cut;
        all.cut_ipv6 += happened.cut_ipv6;
        all.said_ipv6 += happened.said_ipv6;
    }
    println!("{all:?}");
    assert!(all.steps >= 1_000_000, "{all:?}");
    // It came through to where it hurts, too.
    assert!(all.frames_rx > 50_000 && all.frames_tx > 15_000, "{all:?}");
    if cfg!(feature = "segmentation") {
        assert!(all.joined > 2000 && all.cut > 5000, "{all:?}");
        assert!(all.said_ipv6 > 1000 && all.cut_ipv6 > 2000, "{all:?}");
    }
    assert!(all.connections > 5000 && all.lies > 5000 && all.in_use > 100, "{all:?}");
}
