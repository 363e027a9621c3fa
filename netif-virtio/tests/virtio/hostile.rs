//! A device that does as it likes: at least 10^6 steps.

use testkit::Random;

use crate::simulated::hostile;

// Miri takes a thousand times as long.
#[test]
#[cfg_attr(miri, ignore)]
fn a_million_steps_of_a_hostile_device() {
    let mut all = hostile::Happened::default();
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let mut left = 65_000;
        let mut numbers = || {
            left -= 1;
            (left > 0).then(|| (random.bits() >> 20) as u32)
        };
        all.add(hostile::run(&mut numbers));
    }
    println!("{all:?}");
    assert!(all.steps >= 1_000_000, "{all:?}");
    // It came through to where it hurts, too.
    assert!(all.frames_rx > 50_000 && all.frames_tx > 5000, "{all:?}");
    if cfg!(feature = "segmentation") {
        assert!(all.frames_tx > 15_000 && all.joined > 10_000 && all.cut > 10_000, "{all:?}");
        assert!(all.joined_ipv6 > 4000 && all.cut_ipv6 > 4000, "{all:?}");
        assert!(all.joined - all.joined_ipv6 > 4000 && all.cut - all.cut_ipv6 > 4000, "{all:?}");
    }
    assert!(all.connections > 3000 && all.violations > 3000, "{all:?}");
    assert!(all.failures > 300 && all.broken > 20 && all.spread > 2000, "{all:?}");
}
