//! All counters of a tower and of its memory, as lines of text.

use core::fmt;

use rt_regions::Pool;

use crate::Layer;

/// Calls `line` with each line of the report on `tower` and its memory: its counters, the lowest layer
/// first (`eth0.ipv4.packets_rx 17`), then what [`Pool::report`] says of the memory. Counters that are zero are
/// left out, unless `zeros` asks for them.
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
    pool.report(line);
}
