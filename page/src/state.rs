//! The numbers of the page, as JSON.

use core::{fmt, time::Duration};

use layer::{Counter, Endpoint};
use rt::insight::{Activity, Sampling};
use rt_regions::{Owners, PAGE_SIZE, RegionStats};

use crate::{Board, board::PERIOD, connections::Table, json::Json, query::Query};

/// How many cells a map of the memory has at most.
const CELLS: usize = 2048;

/// How many places are shown where the program spends its time.
const PLACES: usize = 16;

/// Writes the state. Times are in microseconds: those of the clock of the program, or since its start.
pub(crate) fn write(
    board: &Board,
    query: Query,
    table: &Table<'_>,
    owners: Option<Owners<'_>>,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    Json::new(out).object(|json| {
        let now = board.at.get();
        json.key("name")?;
        json.text(&board.name)?;
        json.key("platform")?;
        json.text(&board.insight.platform())?;
        json.key("serving")?;
        board.with_place(|place| json.text(&place.strip_prefix(' ').unwrap_or(place)))?;
        json.entry("now", now.as_nanos() / 1000)?;
        json.entry("started", board.insight.started().as_nanos() / 1000)?;
        json.key("boot")?;
        json.array(|json| boot(board, json))?;
        json.key("times")?;
        json.object(|json| {
            let taken = |activity| board.insight.times().taken(activity, now);
            Activity::ALL
                .into_iter()
                .try_for_each(|activity| json.entry(activity.name(), micros(taken(activity))))
        })?;
        json.key("cores")?;
        json.array(|json| cores(board, json))?;
        json.key("pool")?;
        json.object(|json| pool(board, json))?;
        json.key("regions")?;
        json.array(|json| {
            board.pool.labels().try_for_each(|label| json.object(|json| region(label, json)))
        })?;
        json.key("history")?;
        json.object(|json| history(board, query.history, json))?;
        json.key("counters")?;
        json.object(|json| counters(board.counters.borrow().iter(), json))?;
        json.key("connections")?;
        json.object(|json| connections(table, json))?;
        json.key("places")?;
        json.object(|json| places(board, json))?;
        json.key("log")?;
        json.object(|json| log(board, query.log, json))?;
        owners.map_or(Ok(()), |owners| {
            json.key("map")?;
            json.object(|json| map(owners.pages(), json))
        })
    })
}

fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

/// The steps of the start, with the time since the first.
fn boot(board: &Board, json: &mut Json<'_>) -> fmt::Result {
    let mut result = Ok(());
    board.insight.milestones(&mut |name, after| {
        if result.is_ok() {
            result = json.array(|json| {
                json.text(&name)?;
                json.number(micros(after))
            });
        }
    });
    result
}

/// How long each core has worked and slept; none if there is one core.
fn cores(board: &Board, json: &mut Json<'_>) -> fmt::Result {
    board.loads.borrow().iter().try_for_each(|load| {
        json.array(|json| {
            json.number(micros(load.busy))?;
            json.number(micros(load.idle))
        })
    })
}

fn pool(board: &Board, json: &mut Json<'_>) -> fmt::Result {
    let pool = board.pool;
    for (name, value) in [
        ("pages", pool.pages()),
        ("free", pool.free_pages()),
        ("most_used", pool.most_pages_used()),
        ("page_size", PAGE_SIZE),
    ] {
        json.entry(name, value as u64)?;
    }
    Ok(())
}

/// The numbers of the regions of a name.
pub(crate) fn numbers(region: &RegionStats) -> [(&'static str, u64); 9] {
    [
        ("opened", region.opened()),
        ("live", region.live() as u64),
        ("pages", region.pages() as u64),
        ("most", region.most_pages() as u64),
        ("resets", region.resets()),
        ("refused", region.refused()),
        ("large", region.large_objects()),
        ("bytes", region.bytes() as u64),
        ("waste", region.waste() as u64),
    ]
}

fn region(label: &RegionStats, json: &mut Json<'_>) -> fmt::Result {
    json.key("name")?;
    json.text(&label.name())?;
    for (name, value) in numbers(label) {
        json.entry(name, value)?;
    }
    json.key("place")?;
    match label.place() {
        Some(place) => json.text(&format_args!("{}:{}", place.file(), u64::from(place.line()))),
        None => json.null(),
    }
}

/// The samples from number `first` on: when it was, how many items were handled, how long the tower, the tasks and the sleep
/// took, how many bytes were received and sent, and then the most pages of each region, in the order of the regions.
fn history(board: &Board, first: u64, json: &mut Json<'_>) -> fmt::Result {
    let (history, seconds) = (board.history.borrow(), board.seconds.borrow());
    json.entry("period", micros(PERIOD))?;
    json.entry("next", history.taken())?;
    json.key("samples")?;
    json.array(|json| {
        history.since(first).try_for_each(|sample| {
            json.array(|json| {
                let second = seconds.get(sample.number());
                json.number(second.at.as_nanos() / 1000)?;
                json.number(second.items.into())?;
                second.growth.iter().try_for_each(|growth| json.number(u64::from(*growth)))?;
                sample.pages().try_for_each(|pages| json.number(pages as u64))
            })
        })
    })
}

/// An object for each layer, the lowest first. The counters of a layer stand together.
fn counters(counters: impl Iterator<Item = Counter> + Clone, json: &mut Json<'_>) -> fmt::Result {
    let mut rest = counters.peekable();
    while let Some(layer) = rest.peek().map(|counter| counter.layer) {
        json.key(layer)?;
        json.object(|json| {
            while let Some(counter) = rest.next_if(|counter| counter.layer == layer) {
                json.entry(counter.name, counter.value)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn connections(table: &Table<'_>, json: &mut Json<'_>) -> fmt::Result {
    json.entry("total", table.total())?;
    json.key("rows")?;
    json.array(|json| {
        table.rows().try_for_each(|row| {
            json.object(|json| {
                let mut text = |name, text: &dyn fmt::Display| {
                    json.key(name)?;
                    json.text(text)
                };
                text("local", &Endpoint(row.local))?;
                text("remote", &Endpoint(row.remote))?;
                text("state", &row.state)?;
                json.entry("received", row.received)?;
                json.entry("sent", row.sent)?;
                json.key("rtt")?;
                match row.rtt {
                    Some(time) => json.number(micros(time))?,
                    None => json.null()?,
                }
                json.entry("window", row.window.into())?;
                json.entry("congestion_window", row.congestion_window.into())?;
                json.entry("retransmitted", row.retransmitted)
            })
        })
    })
}

/// The places where the program spends its time, and how they were found.
fn places(board: &Board, json: &mut Json<'_>) -> fmt::Result {
    json.key("rows")?;
    let mut sampling = Sampling::None("");
    json.array(|json| {
        let mut result = Ok(());
        sampling = board.insight.places(PLACES, &mut |place| {
            if result.is_ok() {
                result = json.array(|json| {
                    json.text(&place.function)?;
                    json.number(place.samples)
                });
            }
        });
        result
    })?;
    match sampling {
        Sampling::None(reason) => {
            json.key("reason")?;
            json.text(&reason)
        }
        Sampling::Timer { period, taken, counted } => {
            json.entry("period", micros(period))?;
            json.entry("taken", taken)?;
            json.entry("counted", counted)
        }
    }
}

/// The lines from number `first` on.
fn log(board: &Board, first: u64, json: &mut Json<'_>) -> fmt::Result {
    let mut next = 0;
    json.key("lines")?;
    json.array(|json| {
        let mut result = Ok(());
        next = board.insight.lines(first, &mut |line| {
            if result.is_ok() {
                result = json.array(|json| {
                    json.number(line.number)?;
                    json.number(line.at.as_nanos() / 1000)?;
                    json.text(&line.text)
                });
            }
        });
        result
    })?;
    json.entry("next", next)
}

/// The map: cells of `per_cell` pages each, in the order of their addresses. A run is a number of cells that are the same:
/// the region of the most pages that are in use, by its number, how many pages are in use, and how many such cells follow
/// each other.
fn map(owners: &[u8], json: &mut Json<'_>) -> fmt::Result {
    let per_cell = owners.len().div_ceil(CELLS).max(1);
    json.entry("per_cell", per_cell as u64)?;
    json.key("runs")?;
    json.array(|json| {
        let mut cells = owners.chunks(per_cell).map(cell).peekable();
        while let Some(first) = cells.next() {
            let mut count = 1;
            while cells.next_if_eq(&first).is_some() {
                count += 1;
            }
            let (owner, used) = first;
            json.array(|json| {
                json.number(owner.into())?;
                json.number(used)?;
                json.number(count)
            })?;
        }
        Ok(())
    })
}

/// The owner of the most pages of a cell, and how many are in use; 0 and 0 if none is.
fn cell(pages: &[u8]) -> (u8, u64) {
    let used = || pages.iter().filter(|owner| **owner != Owners::FREE);
    let of = |owner: &u8| pages.iter().filter(|other| *other == owner).count();
    let most = used().max_by_key(|owner| of(owner));
    (most.copied().unwrap_or(0), used().count() as u64)
}
