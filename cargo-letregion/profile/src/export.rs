//! A series in the formats of other tools.

use std::fmt::Write;

use rt_regions::PAGE_SIZE;
use serde_json::{Map, Value, json};

use super::series::Series;

/// How many snapshots Massif itself keeps at most, and `ms_print` draws in its width.
const SNAPSHOTS: usize = 100;
/// Every so many of them say which region held how much.
const DETAILED: usize = 10;

/// The output format of Massif, which `ms_print` and massif-visualizer read. Its time is the number of
/// packets, its heap the peaks of the pages, in bytes.
pub(crate) fn massif(series: &Series, command: &str) -> String {
    let series = series.thinned(SNAPSHOTS);
    let totals = series.totals();
    let peak = (0..totals.len()).rev().max_by_key(|at| totals[*at]);
    let bytes = |pages: u64| pages * PAGE_SIZE as u64;
    // `i` stands for instructions, which is what Massif can count that comes nearest to packets.
    let mut text = format!(
        "desc: the most pages that the regions of each name held since the snapshot before; the time is \
         in packets\ncmd: {}\ntime_unit: i\n",
        one_line(command)
    );
    for (at, (moment, total)) in series.moments.iter().zip(&totals).enumerate() {
        text += &format!(
            "#-----------\nsnapshot={at}\n#-----------\ntime={}\nmem_heap_B={}\n\
             mem_heap_extra_B=0\nmem_stacks_B=0\n",
            moment.tick,
            bytes(*total)
        );
        let is_peak = peak == Some(at);
        if !is_peak && at % DETAILED != 0 {
            text += "heap_tree=empty\n";
            continue;
        }
        let held = series.bands.iter().map(|b| (b.samples[at].peak, &b.region, &b.place));
        let mut held: Vec<_> = held.filter(|(pages, ..)| *pages > 0).collect();
        held.sort_by(|a, b| b.cmp(a));
        text += &format!(
            "heap_tree={}\nn{}: {} (regions)\n",
            if is_peak { "peak" } else { "detailed" },
            held.len(),
            bytes(*total)
        );
        for (number, (pages, region, place)) in held.into_iter().enumerate() {
            // An address, a function, a place: some readers want all three.
            text += &format!(
                " n0: {} 0x{:X}: {} ({})\n",
                bytes(pages),
                number + 1,
                one_line(region),
                one_line(if place.is_empty() { "?:0" } else { place }),
            );
        }
    }
    text
}

/// Without what would end the line, or begin a comment.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control() || c == '#', " ")
}

/// The Trace Event format of Chrome, which Perfetto reads: one counter for the pages, one for
/// their peaks, one for the bytes in use, one for the open regions, each with a value for each region.
pub(crate) fn chrome_trace(series: &Series) -> String {
    let start = series.moments.first().map_or(0, |moment| moment.nanos);
    let mut events = vec![json!({
        "name": "process_name", "ph": "M", "pid": 1, "args": { "name": "regions" },
    })];
    for (at, moment) in series.moments.iter().enumerate() {
        // Microseconds, with three digits for the nanoseconds.
        let time = (moment.nanos - start) as f64 / 1000.0;
        for name in ["pages", "peak", "used", "instances"] {
            let value = |band: &super::series::Band| {
                let sample = band.samples[at];
                let value = match name {
                    "pages" => sample.pages,
                    "peak" => sample.peak,
                    "used" => sample.used,
                    _ => sample.live,
                };
                (band.region.clone(), Value::from(value))
            };
            let args: Map<_, _> = series.bands.iter().map(value).collect();
            events.push(json!({ "name": name, "ph": "C", "pid": 1, "ts": time, "args": args }));
        }
    }
    let mut text = String::from("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    for (number, event) in events.iter().enumerate() {
        let comma = if number > 0 { ",\n" } else { "" };
        // A String takes all that is written to it.
        let _ = write!(text, "{comma}{event}");
    }
    text + "\n]}\n"
}

#[cfg(test)]
mod tests {
    use super::{
        super::series::{Band, Moment, Sample},
        *,
    };

    fn series(packets: u64) -> Series {
        let moments = (0..packets).map(|tick| Moment { tick, nanos: 5_000 + 1_500 * tick });
        let band = |region: &str, pages: fn(u64) -> u64| Band {
            region: region.into(),
            place: if region == "b" { "b.rs:7".into() } else { String::new() },
            samples: (0..packets)
                .map(|tick| Sample { pages: 1, peak: pages(tick), live: 1, ..Sample::default() })
                .collect(),
        };
        Series {
            moments: moments.collect(),
            bands: vec![band("a #1\n", |tick| tick % 7), band("none", |_| 0), band("b", |_| 2)],
        }
    }

    #[test]
    fn massif_has_a_tree_at_the_peak() {
        let text = massif(&series(7), "sort\n");
        assert!(text.contains("cmd: sort \ntime_unit: i\n"), "{text}");
        let peak = "snapshot=6\n#-----------\ntime=6\nmem_heap_B=32768\nmem_heap_extra_B=0\n\
                    mem_stacks_B=0\nheap_tree=peak\nn2: 32768 (regions)\n \
                    n0: 24576 0x1: a  1  (?:0)\n n0: 8192 0x2: b (b.rs:7)\n";
        assert!(text.ends_with(peak), "{text}");
        assert_eq!(text.matches("heap_tree=detailed").count(), 1);
        assert_eq!(text.matches("heap_tree=empty").count(), 5);
        assert_eq!(massif(&series(1000), "").matches("snapshot=").count(), 100);
        assert!(massif(&Series::default(), "").ends_with("time_unit: i\n"));
    }

    #[test]
    fn the_trace_is_json_with_counters() {
        let trace: Value = serde_json::from_str(&chrome_trace(&series(3))).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        assert_eq!(events.len(), 1 + 3 * 4);
        let pages: Vec<_> = events.iter().filter(|event| event["name"] == "peak").collect();
        assert_eq!(pages[1]["ph"], "C");
        assert_eq!(pages[1]["ts"], 1.5);
        assert_eq!(pages[1]["args"], json!({ "a #1\n": 1, "none": 0, "b": 2 }));
    }
}
