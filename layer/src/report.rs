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
    report_memory(pool, line);
}

/// The lines of the report on memory: the pool, then the regions by name.
pub fn report_memory(pool: &Pool<'_>, line: &mut dyn FnMut(fmt::Arguments<'_>)) {
    let (pages, free, most) = (pool.pages(), pool.free_pages(), pool.most_pages_used());
    line(format_args!("pool pages {pages} free {free} most used {most}"));
    for label in pool.labels() {
        line(format_args!("region {label}"));
    }
}
