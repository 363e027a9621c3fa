//! Costs, and the file that holds those that were accepted.

use anyhow::{Context, Result};

/// At the head of the file.
const HEAD: &str = "\
# Instructions that each layer takes for a packet or datagram, over what the layers below it take, counted by
# `cargo xtask cost` with callgrind. `cargo xtask test` fails where one takes over 5 % more; what is worth
# it is accepted with `cargo xtask cost --accept`. For echo, checksum and copy it is all that is taken; the latter
# two have bytes in the place of a layer. The last ones, which have what is in a table in that place, are all that
# is taken too: they may not grow with it by more than a step for each time that it doubles. Where it is all, the
# cache lines of code and of data that are touched are counted too.
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
    /// Of a whole tower, what is read or written.
    pub(super) lines: Option<Lines>,
}

/// How many cache lines are touched, each counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) code: u64,
    pub(super) data: u64,
}

impl Cost {
    /// How much is in the table that this is about: of `64 ports`, 64.
    pub(super) fn table_size(&self) -> Option<u64> {
        self.layer.split_once(' ')?.0.parse().ok()
    }
}

impl Costs {
    /// From what towers of growing height take, all their layers together. What a layer takes is the difference to
    /// the tower without it; what begins with a number is no layer.
    pub(super) fn of_totals(mut costs: Vec<Cost>) -> Self {
        let mut below: Option<(String, f64)> = None;
        for Cost { scenario, layer, instructions, .. } in &mut costs {
            let total = *instructions;
            let is_layer = !layer.starts_with(|first: char| first.is_ascii_digit());
            if let Some((_, below)) = below.filter(|(other, _)| is_layer && other == scenario) {
                *instructions -= below;
            }
            below = Some((scenario.clone(), total));
        }
        Self(costs)
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let costs = reader.records().map(|record| {
            let record = record?;
            let field = |at| record.get(at).context("bench/cost.csv: a line has five fields");
            let count = |at| field(at)?.parse().context("bench/cost.csv: a number of lines is one");
            let lines = match field(3)? {
                "" => None,
                _ => Some(Lines { code: count(3)?, data: count(4)? }),
            };
            let instructions = field(2)?.parse().context("bench/cost.csv: a cost is a number")?;
            Ok(Cost { scenario: field(0)?.into(), layer: field(1)?.into(), instructions, lines })
        });
        Ok(Self(costs.collect::<Result<_>>()?))
    }

    pub(super) fn write(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(HEAD.as_bytes().to_vec());
        writer.write_record(["scenario", "layer", "instructions", "code_lines", "data_lines"])?;
        for Cost { scenario, layer, instructions, lines } in &self.0 {
            let [code, data] = lines.map_or_else(Default::default, |lines| {
                [lines.code.to_string(), lines.data.to_string()]
            });
            writer.write_record([scenario, layer, &format!("{instructions:.1}"), &code, &data])?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Cost> {
        self.0.iter()
    }

    pub(super) fn get(&self, scenario: &str, layer: &str) -> Option<&Cost> {
        self.0.iter().find(|c| c.scenario == scenario && c.layer == layer)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Costs of one scenario, from the totals of its towers; each touches so many lines, if any, of code and of data.
    pub(in super::super) fn costs(towers: &[(&str, f64, u64)]) -> Costs {
        let cost = |&(layer, instructions, lines): &(&str, f64, u64)| Cost {
            scenario: "echo".into(),
            layer: layer.into(),
            instructions,
            lines: (lines > 0).then_some(Lines { code: 2 * lines, data: lines }),
        };
        Costs::of_totals(towers.iter().map(cost).collect())
    }

    #[test]
    fn a_layer_takes_what_it_adds_and_numbers_stand_on_nothing() {
        let towers = [("netif", 100.0, 0), ("ethernet", 190.0, 0), ("arp", 300.0, 0)];
        let others = [("64", 30.0, 0), ("64 ports", 200.0, 0)];
        let costs = costs(&[&towers[..], &others].concat());
        let own: Vec<_> = costs.0.iter().map(|cost| cost.instructions as u32).collect();
        assert_eq!(own, [100, 90, 110, 30, 200]);
        let sizes: Vec<_> = costs.iter().map(Cost::table_size).collect();
        assert_eq!(sizes, [None, None, None, None, Some(64)]);
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let costs = costs(&[("netif", 100.0, 0), ("ethernet", 190.5, 30)]);
        let text = costs.write().unwrap();
        assert!(text.starts_with("# Instructions"));
        assert!(text.ends_with("echo,netif,100.0,,\necho,ethernet,90.5,60,30\n"), "{text}");
        assert_eq!(Costs::read(&text).unwrap(), costs);
        for wrong in ["many,,", "100.0,1,", "100.0,1,few", "100.0"] {
            let text = format!("scenario,layer,a,b,c\necho,netif,{wrong}\n");
            assert!(Costs::read(&text).is_err(), "{wrong}");
        }
    }
}
