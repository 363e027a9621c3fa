//! All counters of a tower and of its memory, as lines of text.

use core::fmt;

use rt_regions::Pool;

use crate::Layer;
#[cfg(feature = "cores")]
use crate::{Counter, all_cores};

/// Calls `line` with each line of a report on `tower` and its memory. The counters come first, the lowest layer first
/// (`eth0.ipv4.packets_rx 17`), then the connections ([`Layer::list`]), then the lines of [`Pool::report`]. Counters that are zero are left out, unless `zeros`
/// is set. On one of several cores, the load of each core comes first (`core0.busy_ms 17`), and the counters are the sums over all of them.
pub fn report<L: Layer>(
    tower: &L,
    pool: &Pool<'_>,
    zeros: bool,
    line: &mut dyn FnMut(fmt::Arguments<'_>),
) {
    #[cfg(feature = "cores")]
    let (all, mut nth) = (tower.all_cores(), 0);
    #[cfg(feature = "cores")]
    if let Some(all) = all {
        all_cores::list_loads(all, line);
    }
    tower.counters(&mut |counter| {
        #[cfg(feature = "cores")]
        let counter = {
            let value = all.map_or(counter.value, |all| all.sum(nth, counter.value));
            nth += 1;
            Counter { value, ..counter }
        };
        if zeros || counter.value > 0 {
            line(format_args!("eth0.{counter}"));
        }
    });
    tower.list(line);
    pool.report(line);
}
