//! The costs that were accepted, and what was counted beside them.

use std::fmt;

use anyhow::{Context, Result};

/// How much more is let pass: 5 %, and a few instructions where 5 % are less than one.
const SLACK: (f64, f64) = (0.05, 4.0);

/// At the head of the file.
const HEAD: &str = "\
# Instructions that each layer takes for a packet or datagram, over what the layers below it take, counted by
# `cargo xtask cost` with callgrind. `cargo xtask test` fails where one takes over 5 % more; what is worth
# it is accepted with `cargo xtask cost --accept`. For echo, checksum and copy it is all that is taken; the latter
# two have bytes in the place of a layer. The last ones, which have what is in a table in that place, are all that
# is taken too: they may not grow with it by more than a step for each time that it doubles.
";

/// What each layer takes in each scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Costs(Vec<Cost>);

/// What a layer takes, or a whole tower.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cost {
    pub(super) scenario: String,
    pub(super) layer: String,
    /// Instructions for one packet, over those of the layers below.
    pub(super) instructions: f64,
}

impl Cost {
    /// How much is in the table that this is about: of `64 ports`, 64.
    pub(super) fn table_size(&self) -> Option<u64> {
        self.layer.split_once(' ')?.0.parse().ok()
    }
}

impl Costs {
    /// From what towers of growing height take: scenario, layer, instructions. What a layer takes is the
    /// difference to the tower without it; what begins with a number is no layer.
    pub(super) fn of_totals(totals: &[(String, String, f64)]) -> Self {
        let mut below: Option<&(String, String, f64)> = None;
        let costs = totals.iter().map(|tower| {
            let (scenario, layer, total) = tower;
            let is_layer = !layer.starts_with(|first: char| first.is_ascii_digit());
            let stands_on = below.filter(|(other, _, _)| is_layer && other == scenario);
            let instructions = total - stands_on.map_or(0.0, |(_, _, total)| *total);
            below = Some(tower);
            Cost { scenario: scenario.clone(), layer: layer.clone(), instructions }
        });
        Self(costs.collect())
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let costs = reader.records().map(|record| {
            let record = record?;
            let field = |at| record.get(at).context("bench/cost.csv: a line has three fields");
            let instructions = field(2)?.parse().context("bench/cost.csv: a cost is a number")?;
            Ok(Cost { scenario: field(0)?.into(), layer: field(1)?.into(), instructions })
        });
        Ok(Self(costs.collect::<Result<_>>()?))
    }

    pub(super) fn write(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(HEAD.as_bytes().to_vec());
        writer.write_record(["scenario", "layer", "instructions"])?;
        for Cost { scenario, layer, instructions } in &self.0 {
            writer.write_record([scenario, layer, &format!("{instructions:.1}")])?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Cost> {
        self.0.iter()
    }

    fn get(&self, scenario: &str, layer: &str) -> Option<f64> {
        let cost = self.0.iter().find(|c| c.scenario == scenario && c.layer == layer);
        cost.map(|cost| cost.instructions)
    }
}

/// Each cost beside the accepted one.
#[derive(Debug)]
pub(super) struct Verdict(Vec<Line>);

#[derive(Debug)]
struct Line {
    cost: Cost,
    accepted: Option<f64>,
    words: &'static str,
    good: bool,
}

impl Verdict {
    pub(super) fn of(accepted: &Costs, counted: &Costs) -> Self {
        let line = |cost: &Cost| {
            let accepted = accepted.get(&cost.scenario, &cost.layer);
            let (part, few) = SLACK;
            let (words, good) = match accepted {
                None => ("new: has to be accepted", false),
                Some(limit) if cost.instructions > limit + limit.abs() * part + few => {
                    ("TOO MUCH", false)
                }
                Some(limit) if cost.instructions < limit - limit.abs() * part - few => {
                    ("less: accept it, so that it stays so", true)
                }
                Some(_) => ("", true),
            };
            Line { cost: cost.clone(), accepted, words, good }
        };
        let gone = accepted.0.iter().filter(|c| counted.get(&c.scenario, &c.layer).is_none());
        let gone = gone.map(|cost| Line {
            cost: Cost { instructions: f64::NAN, ..cost.clone() },
            accepted: Some(cost.instructions),
            words: "was not counted",
            good: false,
        });
        Self(counted.0.iter().map(line).chain(gone).collect())
    }

    pub(super) fn is_good(&self) -> bool {
        self.0.iter().all(|line| line.good)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {:<15} {:>12} {:>12}", "scenario", "layer", "instructions", "accepted")?;
        for Line { cost, accepted, words, .. } in &self.0 {
            let Cost { scenario, layer, instructions } = cost;
            let accepted = accepted.map_or("none".into(), |accepted| format!("{accepted:.1}"));
            write!(f, "\n{scenario:<20} {layer:<15} {instructions:>12.1} {accepted:>12}")?;
            if !words.is_empty() {
                write!(f, "  {words}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(layers: &[(&str, f64)]) -> Costs {
        let totals: Vec<_> =
            layers.iter().map(|(l, total)| ("echo".into(), (*l).into(), *total)).collect();
        Costs::of_totals(&totals)
    }

    #[test]
    fn a_layer_takes_what_it_adds_and_numbers_stand_on_nothing() {
        let costs =
            costs(&[("netif", 100.0), ("ethernet", 190.0), ("64", 30.0), ("64 ports", 200.0)]);
        let own: Vec<_> = costs.0.iter().map(|cost| cost.instructions as u32).collect();
        assert_eq!(own, [100, 90, 30, 200]);
        let sizes: Vec<_> = costs.iter().map(Cost::table_size).collect();
        assert_eq!(sizes, [None, None, None, Some(64)]);
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let costs = costs(&[("netif", 100.0), ("ethernet", 190.5)]);
        let text = costs.write().unwrap();
        assert!(text.starts_with("# Instructions") && text.ends_with("echo,ethernet,90.5\n"));
        assert_eq!(Costs::read(&text).unwrap(), costs);
        assert!(Costs::read("scenario,layer,instructions\necho,netif,many\n").is_err());
    }

    #[test]
    fn growth_beyond_the_slack_is_refused() {
        let accepted = costs(&[("netif", 1000.0)]);
        let verdict = |total| Verdict::of(&accepted, &costs(&[("netif", total)]));
        assert!(verdict(1000.0).is_good());
        assert!(verdict(1054.0).is_good());
        assert!(!verdict(1055.0).is_good());
        assert!(verdict(1055.0).to_string().contains("1055.0       1000.0  TOO MUCH"));
        assert!(verdict(900.0).is_good());
        assert!(verdict(900.0).to_string().ends_with("less: accept it, so that it stays so"));
    }

    #[test]
    fn what_is_new_and_what_is_gone_is_noticed() {
        let accepted = costs(&[("netif", 1000.0)]);
        let counted = costs(&[("arp", 1000.0)]);
        let verdict = Verdict::of(&accepted, &counted);
        assert!(!verdict.is_good());
        let words = verdict.to_string();
        assert!(words.contains("new: has to be accepted") && words.contains("was not counted"));
    }
}
