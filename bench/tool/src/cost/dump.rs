//! What callgrind says.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};

use super::accepted::Lines;

/// What was counted, by callgrind's names of events.
#[derive(Debug)]
pub(super) struct Dump(BTreeMap<String, u64>);

impl Dump {
    pub(super) fn read(path: &str) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("callgrind made no {path}"))?;
        Self::parse(&text).with_context(|| format!("cannot read {path}"))
    }

    fn parse(text: &str) -> Result<Self> {
        let line = |name: &'static str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            Ok::<_, anyhow::Error>(line.with_context(|| format!("no {name}"))?.split_whitespace())
        };
        // Numbers at the end that are 0 may be left out.
        let totals = line("totals:")?.map(|total| total.parse().context("a total is no number"));
        let events =
            line("events:")?.map(String::from).zip(totals.chain(std::iter::repeat_with(|| Ok(0))));
        Ok(Self(events.map(|(event, total)| Ok((event, total?))).collect::<Result<_>>()?))
    }

    pub(super) fn instructions(&self) -> u64 {
        self.total("Ir")
    }

    /// What was not in the last cache.
    pub(super) fn lines(&self) -> Lines {
        Lines { code: self.total("ILmr"), data: self.total("DLmr") + self.total("DLmw") }
    }

    fn total(&self, event: &str) -> u64 {
        self.0.get(event).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_belong_to_events() {
        let text = "version: 1\nevents: Ir Dr ILmr DLmr DLmw\n\nfn=(0)\n1 2 3\n\ntotals: 1499 9 145 60 6\n";
        let dump = Dump::parse(text).unwrap();
        assert_eq!((dump.instructions(), dump.lines()), (1499, Lines { code: 145, data: 66 }));
        let dump = Dump::parse("events: Ir Dr ILmr DLmr DLmw\ntotals: 1499 9 145\n").unwrap();
        assert_eq!(dump.lines(), Lines { code: 145, data: 0 });
        assert!(Dump::parse("events: Ir\n").is_err());
        assert!(Dump::parse("events: Ir\ntotals: many\n").is_err());
    }
}
