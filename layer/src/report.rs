//! All counters of a tower and of its memory, as lines of text.

use core::fmt;

use rt_regions::Pool;

use crate::Layer;

/// Calls `line` with each line of a report on `tower` and its memory. The counters come first, the lowest layer first
/// (`eth0.ipv4.packets_rx 17`), then the connections ([`Layer::list`]), then the lines of [`Pool::report`]. Counters that are zero are left out, unless `zeros`
/// is set.
pub fn report<L: Layer>(
    tower: &L,
    pool: &Pool<'_>,
    zeros: bool,
    line: &mut dyn FnMut(fmt::Arguments<'_>),
) {
    tower.counters(&mut |counter| {
        if zeros || counter.value > 0 {
            line(format_args!("eth0.{counter}"));
        }
    });
    tower.list(line);
    pool.report(line);
}
