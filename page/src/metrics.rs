//! The numbers in Prometheus' text format, version 0.0.4. The names are those of `letregion-stats`.

use core::{
    fmt::{self, Write},
    time::Duration,
};

use layer::{Counter, Load};
use rt::insight::Activity;

use crate::{Board, escape::escape, state::numbers};

/// The help texts of counters that every program has; of others, the name of the counter is all that is known.
const HELP: [(&str, &str); 8] = [
    ("datagrams_rx", "Datagrams received."),
    ("datagrams_tx", "Datagrams sent."),
    ("packets_rx", "Packets received."),
    ("packets_tx", "Packets sent."),
    ("frames_rx", "Frames received."),
    ("frames_tx", "Frames sent."),
    ("exhausted", "Requests that were lost because memory ran out."),
    ("no_service", "Datagrams to a port without a service."),
];

/// The numbers of regions: the name in [`numbers`], that of the metric, its kind and the help text.
const REGION: [(&str, &str, &str, &str); 7] = [
    ("opened", "opened_total", "counter", "Regions opened."),
    ("live", "live", "gauge", "Regions that are open."),
    ("pages", "pages", "gauge", "Pages that the regions hold."),
    ("most", "most_pages", "gauge", "The most pages that the regions ever held."),
    ("resets", "resets_total", "counter", "Regions emptied."),
    ("refused", "refused_total", "counter", "Requests for memory that were refused."),
    ("large", "large_objects_total", "counter", "Objects that took a run of pages of their own."),
];

/// Writes all numbers, with the values of each name together.
pub(crate) fn write(board: &Board, out: &mut dyn Write) -> fmt::Result {
    counters(board, out)?;
    pool(board, out)?;
    regions(board, out)?;
    times(board, out)?;
    cores(board, out)?;
    head(out, &"up", "gauge", &"Whether the service answered with its counters.")?;
    writeln!(out, "letregion_up 1")
}

#[inline(never)]
fn head(
    out: &mut dyn Write,
    name: &dyn fmt::Display,
    kind: &str,
    help: &dyn fmt::Display,
) -> fmt::Result {
    writeln!(out, "# HELP letregion_{name} {help}\n# TYPE letregion_{name} {kind}")
}

fn counters(board: &Board, out: &mut dyn Write) -> fmt::Result {
    let counters = board.counters.borrow();
    for (index, first) in counters.iter().enumerate() {
        let name = first.name;
        if counters.iter().take(index).any(|earlier| earlier.name == name) {
            continue;
        }
        let known = HELP.iter().find(|(known, _)| *known == name);
        let help = fmt::from_fn(|f| match known {
            Some((_, help)) => f.write_str(help),
            None => write!(f, "The counter {name} of a layer."),
        });
        head(out, &format_args!("{name}_total"), "counter", &help)?;
        for (at, counter) in counters.iter().enumerate().skip(index) {
            let is_same = |other: Counter| (other.layer, other.name) == (counter.layer, name);
            // A value is given once, even if two services have one name.
            if counter.name == name && !counters.iter().take(at).any(is_same) {
                let (layer, value) = (Label(counter.layer), counter.value);
                writeln!(
                    out,
                    "letregion_{name}_total{{interface=\"eth0\",layer=\"{layer}\"}} {value}"
                )?;
            }
        }
    }
    Ok(())
}

fn pool(board: &Board, out: &mut dyn Write) -> fmt::Result {
    let pool = board.pool;
    for (name, help, value) in [
        ("pool_pages", "Pages of 4 KiB of the pool of all regions.", pool.pages()),
        ("pool_free_pages", "Pages that are in no region.", pool.free_pages()),
        (
            "pool_most_used_pages",
            "The most pages that were in use at once.",
            pool.most_pages_used(),
        ),
    ] {
        head(out, &name, "gauge", &help)?;
        writeln!(out, "letregion_{name} {}", value as u64)?;
    }
    Ok(())
}

fn regions(board: &Board, out: &mut dyn Write) -> fmt::Result {
    for (number, name, kind, help) in REGION {
        head(out, &format_args!("region_{name}"), kind, &help)?;
        for region in board.pool.labels() {
            let (label, numbers) = (Label(region.name()), numbers(region));
            let value = numbers.iter().find(|(known, _)| *known == number);
            let value = value.map_or(0, |(_, value)| *value);
            writeln!(out, "letregion_region_{name}{{region=\"{label}\"}} {value}")?;
        }
    }
    Ok(())
}

/// How long each activity took, in seconds.
fn times(board: &Board, out: &mut dyn Write) -> fmt::Result {
    let (times, now) = (board.insight.times(), board.at.get());
    head(out, &"activity_seconds_total", "counter", &"What the program's time went to.")?;
    for activity in Activity::ALL {
        let (name, taken) = (activity.name(), Seconds(times.taken(activity, now)));
        writeln!(out, "letregion_activity_seconds_total{{activity=\"{name}\"}} {taken}")?;
    }
    Ok(())
}

/// How long each core has worked and slept, if there are several.
fn cores(board: &Board, out: &mut dyn Write) -> fmt::Result {
    let loads = board.loads.borrow();
    for (name, help, time) in [
        ("busy", "How long each core has worked.", (|load| load.busy) as fn(&Load) -> Duration),
        ("idle", "How long each core has slept.", |load| load.idle),
    ] {
        if !loads.is_empty() {
            head(out, &format_args!("core_{name}_seconds_total"), "counter", &help)?;
        }
        for (core, load) in loads.iter().enumerate() {
            let taken = Seconds(time(load));
            writeln!(out, "letregion_core_{name}_seconds_total{{core=\"{core}\"}} {taken}")?;
        }
    }
    Ok(())
}

/// A time in seconds: `1.500000`.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// The value of a label: backslash, quote and line feed are escaped.
struct Label(&'static str);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(
            f,
            self.0,
            |byte| matches!(byte, b'\\' | b'"' | b'\n'),
            |out, byte| {
                out.write_str(match byte {
                    b'\n' => "\\n",
                    b'"' => "\\\"",
                    _ => "\\\\",
                })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(Label("a\"b\\c\nd").to_string(), r#"a\"b\\c\nd"#);
    }
}
