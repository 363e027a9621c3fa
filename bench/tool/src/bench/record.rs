//! All samples of a run as text that can be read again: CSV, with a line on the machine before it.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{
    Setting,
    peers::PEERS,
    sample::Sample,
    table::{Results, Taken},
};

/// What the line on the machine begins with.
const MACHINE: &str = "# ";

/// A line of the record.
#[derive(Debug, Deserialize, Serialize)]
struct Line {
    bytes: u16,
    outstanding: u16,
    round: u32,
    peer: String,
    elapsed_ns: u64,
    replies: u64,
    lost: u64,
    p50_ns: u64,
    p99_ns: u64,
    /// 0 if there is one core.
    distance_ns: u64,
    server_ns: u64,
    user_ticks: u64,
    kernel_ticks: u64,
    waited_ns: u64,
    /// Why there is no sample.
    error: String,
}

/// The record of a run on this machine.
///
/// # Errors
/// The library that writes cannot.
pub(crate) fn write(results: &Results, machine: &str) -> Result<String> {
    let mut writer = csv::Writer::from_writer(format!("{MACHINE}{machine}\n").into_bytes());
    for taken in &results.taken {
        writer.serialize(Line::of(taken))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The machine of a record, and its samples.
///
/// # Errors
/// It is no record, or one of a peer that there is no more.
pub(crate) fn read(text: &str) -> Result<(String, Results)> {
    let (first, lines) = text.split_once('\n').unwrap_or((text, ""));
    let machine = first
        .strip_prefix(MACHINE)
        .with_context(|| format!("the first line is {first:?}, not {MACHINE:?} and a machine"))?;
    let mut results = Results::default();
    for (at, line) in csv::Reader::from_reader(lines.as_bytes()).deserialize().enumerate() {
        // After the machine and the names of the columns.
        let taken = line.map_err(Into::into).and_then(Line::taken);
        results.taken.push(taken.with_context(|| format!("line {}", at + 3))?);
    }
    ensure!(!results.taken.is_empty(), "there are no samples in it");
    Ok((machine.trim_end().to_owned(), results))
}

impl Line {
    fn of(Taken { setting, round, peer, sample }: &Taken) -> Self {
        let error = sample.as_ref().err().cloned().unwrap_or_default();
        let sample = sample.as_ref().cloned().unwrap_or_default();
        Self {
            bytes: setting.size,
            outstanding: setting.window,
            round: *round,
            peer: (*peer).to_owned(),
            elapsed_ns: sample.elapsed,
            replies: sample.replies,
            lost: sample.lost,
            p50_ns: sample.p50,
            p99_ns: sample.p99,
            distance_ns: sample.distance.unwrap_or(0),
            server_ns: sample.run,
            user_ticks: sample.user_ticks,
            kernel_ticks: sample.kernel_ticks,
            waited_ns: sample.waited,
            error,
        }
    }

    fn taken(self) -> Result<Taken> {
        let known = PEERS.iter().find(|peer| peer.name == self.peer);
        let peer = known.with_context(|| format!("there is no peer {}", self.peer))?.name;
        let sample = Sample {
            elapsed: self.elapsed_ns,
            replies: self.replies,
            lost: self.lost,
            p50: self.p50_ns,
            p99: self.p99_ns,
            distance: Some(self.distance_ns).filter(|distance| *distance > 0),
            run: self.server_ns,
            user_ticks: self.user_ticks,
            kernel_ticks: self.kernel_ticks,
            waited: self.waited_ns,
        };
        let setting = Setting { size: self.bytes, window: self.outstanding };
        let sample = if self.error.is_empty() { Ok(sample) } else { Err(self.error) };
        Ok(Taken { setting, round: self.round, peer, sample })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use lab::grouped;

    use super::{
        super::{
            picture,
            table::{Row, Spread},
        },
        *,
    };

    fn results() -> Results {
        let mut results = Results::default();
        let sample = Sample {
            elapsed: 1,
            replies: 2,
            lost: 3,
            p50: 4,
            p99: 5,
            distance: Some(6),
            run: 7,
            user_ticks: 8,
            kernel_ticks: 9,
            waited: 10,
        };
        let setting = Setting { size: 64, window: 16 };
        results.add(setting, 0, "reflector", Ok(sample.clone()));
        results.add(setting, 1, "letregion", Ok(Sample { distance: None, ..sample }));
        results.add(setting, 1, "smoltcp", Err(anyhow!("no reply, \"within\" 5 s")));
        results
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = write(&results(), "a machine, of ours").unwrap();
        assert!(text.starts_with("# a machine, of ours\nbytes,outstanding,round,peer,elapsed_ns,"));
        assert!(text.contains("\n64,16,0,reflector,1,2,3,4,5,6,7,8,9,10,\n"), "{text}");
        let (machine, again) = read(&text).unwrap();
        assert_eq!(machine, "a machine, of ours");
        assert_eq!(again.taken, results().taken);
    }

    #[test]
    fn what_is_no_record_is_refused_with_a_reason() {
        let text = write(&results(), "here").unwrap();
        for (other, reason) in [
            (String::new(), "the first line is \"\""),
            (text.replace("# ", ""), "the first line is \"here\""),
            ("# here\n".into(), "no samples"),
            (text.replace("reflector", "lwip"), "line 3: there is no peer lwip"),
            (text.replace("64,16,1,letregion,1", "64,16,1,letregion,x"), "line 4: "),
            (text.replace("p99_ns", "p98_ns"), "missing field `p99_ns`"),
        ] {
            let error = format!("{:#}", read(&other).unwrap_err());
            assert!(error.contains(reason), "{error:?} instead of {reason:?}");
        }
    }

    /// A file of `docs`.
    fn document(name: &str) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
        std::fs::read_to_string(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn the_picture_of_the_documents_is_that_of_their_record() {
        let (machine, results) = read(&document("performance.csv")).unwrap();
        let svg = picture::draw(&results.rows(), &machine).unwrap();
        let remedy = "cargo xtask bench --redraw docs/performance.csv draws it again";
        assert!(svg == document("performance.svg"), "the picture is old: {remedy}");
    }

    #[test]
    fn the_figures_of_the_documents_are_those_of_their_record() {
        let (text, rows) = (document("performance.md"), {
            let (_, results) = read(&document("performance.csv")).unwrap();
            results.rows()
        });
        let mut settings: Vec<_> = rows.iter().map(|row| row.setting).collect();
        settings.dedup();
        assert_eq!(settings.len(), 12);
        for setting in settings {
            let row = |name: &str| {
                rows.iter().find(|row| row.setting == setting && row.peer == name && row.good)
            };
            let cells = |peers: &[&str], of: fn(&Row) -> String| -> String {
                let cell = |peer: &&str| row(peer).map_or("–".into(), of);
                peers.iter().map(|peer| format!(" {} |", cell(peer))).collect()
            };
            let key = format!("| {} | {} |", grouped(setting.size.into()), setting.window);
            let peers =
                ["letregion", "letregion-offloads", "letregion-segments", "smoltcp", "kernel"];
            let ratios = cells(&peers, |row| {
                let Spread { median, least, most } = row.to_reflector.unwrap();
                format!("{median:.2} ({least:.2}–{most:.2})")
            });
            let p99 = cells(&["reflector", "letregion", "smoltcp"], |row| {
                grouped((row.p99 / 1e3).round() as u64)
            });
            let line = format!("\n{key}{ratios}{p99}\n");
            assert!(text.contains(&line), "docs/performance.md has no line{line}");
            if setting.window > 1 {
                let peers = [&["reflector"], &peers[..]].concat();
                let times =
                    cells(&peers, |row| format!("{:.2} + {:.2}", row.user / 1e3, row.kernel / 1e3));
                let line = format!("\n{key}{times}\n");
                assert!(text.contains(&line), "docs/performance.md has no line{line}");
            }
        }
    }
}
