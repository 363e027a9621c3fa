//! Prometheus' text format, version 0.0.4.

use std::{collections::BTreeMap, fmt::Write as _, str::FromStr};

use crate::{Line, Listing};

/// The type of the format, for the header `Content-Type` of HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The names of labels that this crate sets itself.
const OWN_LABELS: [&str; 3] = ["interface", "layer", "region"];

/// The help texts of counters that every service has; of others, the name of the counter is all that is known.
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

/// A label for every value, such as `service=echo`: it tells the services of a host apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    name: String,
    value: String,
}

impl FromStr for Label {
    type Err = String;

    /// Reads `name=value`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE: service=echo")?;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !begins_well || !name.bytes().all(is_part) {
            return Err(
                "the name of a label has letters, digits and '_', and no digit first".into()
            );
        }
        if name.starts_with("__") || OWN_LABELS.contains(&name) {
            return Err(format!("the label {name} has a meaning already: choose another name"));
        }
        Ok(Self { name: name.into(), value: value.into() })
    }
}

/// The kind of a metric.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

/// All values of one name.
struct Family {
    kind: Kind,
    help: String,
    /// By their labels, as they are written.
    values: BTreeMap<String, u64>,
}

/// The families by name.
struct Families<'l> {
    labels: &'l [Label],
    by_name: BTreeMap<String, Family>,
}

/// What Prometheus reads: all values of `listing`, and `letregion_up`, which is 0 if there is none. Each value has the
/// given labels too.
pub fn exposition(listing: Option<&Listing>, labels: &[Label]) -> String {
    let mut families = Families { labels, by_name: BTreeMap::new() };
    let up = "Whether the service answered with its counters.";
    families.add("up", Kind::Gauge, up, &[], listing.is_some().into());
    if let Some(listing) = listing {
        let unreadable = "Lines of the answer that could not be read.";
        let count = listing.unreadable() as u64;
        families.add("unreadable_lines", Kind::Gauge, unreadable, &[], count);
        listing.visit(&mut |line| families.add_line(line));
    }
    families.text()
}

impl Families<'_> {
    fn add_line(&mut self, line: Line<'_>) {
        match line {
            Line::Counter { interface, layer, name, value } => {
                let help = HELP.iter().find(|(known, _)| *known == name).map(|(_, help)| *help);
                let named = format!("The counter {name} of a layer.");
                let labels = [("interface", interface), ("layer", layer)];
                let help = help.unwrap_or(&named);
                self.add(&format!("{name}_total"), Kind::Counter, help, &labels, value);
            }
            Line::Pool { name, value } => {
                let help = match name {
                    "pages" => "Pages of 4 KiB of the pool of all regions.",
                    "free" => "Pages that are in no region.",
                    _ => "The most pages that were in use at once.",
                };
                let name =
                    if name == "pages" { "pool_pages" } else { &format!("pool_{name}_pages") };
                self.add(name, Kind::Gauge, help, &[], value);
            }
            Line::Region { region, name, value } => {
                let (name, kind, help) = match name {
                    "opened" => ("region_opened_total", Kind::Counter, "Regions opened."),
                    "live" => ("region_live", Kind::Gauge, "Regions that are open."),
                    "pages" => ("region_pages", Kind::Gauge, "Pages that the regions hold."),
                    "most" => (
                        "region_most_pages",
                        Kind::Gauge,
                        "The most pages that the regions ever held.",
                    ),
                    "resets" => ("region_resets_total", Kind::Counter, "Regions emptied."),
                    "refused" => (
                        "region_refused_total",
                        Kind::Counter,
                        "Requests for memory that were refused.",
                    ),
                    _ => (
                        "region_large_objects_total",
                        Kind::Counter,
                        "Objects that took a run of pages of their own.",
                    ),
                };
                self.add(name, kind, help, &[("region", region)], value);
            }
        }
    }

    /// Adds a value. One that was there stays as it is: Prometheus refuses a text that gives two.
    fn add(&mut self, name: &str, kind: Kind, help: &str, labels: &[(&str, &str)], value: u64) {
        let own = labels.iter().copied().filter(|(_, value)| !value.is_empty());
        let given = self.labels.iter().map(|label| (&*label.name, &*label.value));
        let labels = text_of(own.chain(given));
        let family = self.by_name.entry(format!("letregion_{name}")).or_insert_with(|| Family {
            kind,
            help: help.into(),
            values: BTreeMap::new(),
        });
        // A counter of a strange name can have that of a family of ours.
        if family.kind == kind {
            family.values.entry(labels).or_insert(value);
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, Family { kind, help, values }) in &self.by_name {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            // Writing to a string cannot fail.
            let _ = write!(text, "# HELP {name} {}\n# TYPE {name} {kind}\n", escaped_help(help));
            for (labels, value) in values {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }
}

/// The labels as they are written: `{layer="udp",interface="eth0"}`, or nothing.
fn text_of<'t>(labels: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        text.push(if text.is_empty() { '{' } else { ',' });
        let _ = write!(text, "{name}=\"{}\"", escaped(value));
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

/// The value of a label: backslash, quote and line feed are escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

/// A help text: backslash and line feed are escaped.
fn escaped_help(help: &str) -> String {
    help.replace('\\', r"\\").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_checked_and_escaped() {
        let label = |text: &str| text.parse::<Label>();
        for bad in
            ["", "service", "=x", "1a=x", "a-b=x", "ä=x", "__name__=x", "layer=x", "region=x"]
        {
            assert!(label(bad).is_err(), "{bad}");
        }
        let labels = [label("service=e\"c\\h\no").unwrap(), label("_b2=").unwrap()];
        let text = exposition(None, &labels);
        assert_eq!(text.lines().last(), Some(r#"letregion_up{service="e\"c\\h\no",_b2=""} 0"#));
    }

    #[test]
    fn no_value_is_given_twice() {
        let listing = Listing::new(
            b"eth0.udp.short 1\neth0.udp.short 2\neth0.arp.short 3\nudp.short 4\n\
              pool pages 9 free 1 most used 8\npool pages 7 free 1 most used 8\n",
        );
        let text = exposition(Some(&listing), &[]);
        let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "letregion_pool_free_pages 1",
                "letregion_pool_most_used_pages 8",
                "letregion_pool_pages 9",
                "letregion_short_total{interface=\"eth0\",layer=\"arp\"} 3",
                "letregion_short_total{interface=\"eth0\",layer=\"udp\"} 1",
                "letregion_short_total{layer=\"udp\"} 4",
                "letregion_unreadable_lines 0",
                "letregion_up 1",
            ]
        );
    }
}
