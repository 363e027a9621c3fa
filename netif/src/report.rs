//! All counters of a tower and of its memory, as lines of text.

use core::fmt;

use rt_regions::Pool;

use crate::Layer;

/// Calls `line` with each line of the report on `tower` and its memory: its counters, the lowest layer
/// first (`eth0.ipv4.packets_rx 17`), then the pool, then the regions by name. Counters that are zero are
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
    line(format_args!(
        "pool pages {} free {} most used {}",
        pool.pages(),
        pool.free_pages(),
        pool.most_pages_used()
    ));
    for label in pool.labels() {
        line(format_args!("region {label}"));
    }
}
