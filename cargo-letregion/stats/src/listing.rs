//! The lines with which a service answers at its `--stats-port`.

use std::str;

/// The longest line that is read, in bytes. A service's own are at most 256.
const LONGEST_LINE: usize = 512;

/// One line of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'t> {
    /// `eth0.udp.datagrams_rx 11`: a counter.
    Counter {
        /// The interface at the bottom of the tower: `eth0`; empty if the line names none.
        interface: &'t str,
        /// The layer: `udp`.
        layer: &'t str,
        /// The name of the counter: `datagrams_rx`.
        name: &'t str,
        /// How often the event happened.
        value: u64,
    },
    /// `pool pages 16352 free 16308 most used 45`: a number of the pool of all regions.
    Pool {
        /// What it counts: `pages`, `free`, `most_used`.
        name: &'t str,
        /// The number.
        value: u64,
    },
    /// `region packet opened 1 live 1 …`: a number of the regions of one name.
    Region {
        /// The name of the regions: `packet`.
        region: &'t str,
        /// What it counts: `opened`, `live`, `pages`, `most`, `resets`, `refused`, `large`.
        name: &'t str,
        /// The number.
        value: u64,
    },
}

/// What a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    text: String,
}

impl Listing {
    /// The listing in this datagram. Bytes that are not UTF-8 are replaced.
    pub fn new(datagram: &[u8]) -> Self {
        Self { text: String::from_utf8_lossy(datagram).into_owned() }
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number of lines that are not what a service writes: another format, a number that is none, or a last line
    /// without an end, whose number may be cut.
    pub fn unreadable(&self) -> usize {
        self.lines().filter(|line| read(line, &mut |_| ()).is_none()).count()
    }

    /// The number of lines that can be read.
    pub fn readable(&self) -> usize {
        self.lines().filter(|line| read(line, &mut |_| ()).is_some()).count()
    }

    /// Shows each value to `visit`, in the order in which they came; those of the pool and of regions stand together in
    /// a line.
    pub fn visit<'t>(&'t self, visit: &mut dyn FnMut(Line<'t>)) {
        for line in self.lines() {
            // Counted by `unreadable`.
            let _ = read(line, visit);
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive('\n')
    }
}

/// Reads one line, which ends with a line feed; `None` if it is not what a service writes.
fn read<'t>(line: &'t str, visit: &mut dyn FnMut(Line<'t>)) -> Option<()> {
    let line = line.strip_suffix('\n').filter(|line| line.len() <= LONGEST_LINE)?;
    if let Some(rest) = line.strip_prefix("pool ") {
        return pool(rest, visit);
    }
    if let Some(rest) = line.strip_prefix("region ") {
        return region(rest, visit);
    }
    let (path, value) = line.split_once(' ')?;
    let value = number(value)?;
    let (place, name) = path.rsplit_once('.')?;
    let (interface, layer) = place.split_once('.').unwrap_or(("", place));
    if !is_name(name) || !is_place(layer) || !(interface.is_empty() || is_place(interface)) {
        return None;
    }
    visit(Line::Counter { interface, layer, name, value });
    Some(())
}

/// `pages 16352 free 16308 most used 45`
fn pool<'t>(text: &'t str, visit: &mut dyn FnMut(Line<'t>)) -> Option<()> {
    let (pages, text) = text.strip_prefix("pages ")?.split_once(" free ")?;
    let (free, most) = text.split_once(" most used ")?;
    let values = [("pages", number(pages)?), ("free", number(free)?), ("most_used", number(most)?)];
    for (name, value) in values {
        visit(Line::Pool { name, value });
    }
    Some(())
}

/// `packet           opened 1 live 1 pages 2 most 12 (48 KiB) resets 7 refused 0 large 0 at sort.rs:10`
fn region<'t>(text: &'t str, visit: &mut dyn FnMut(Line<'t>)) -> Option<()> {
    const NAMES: [&str; 7] = ["opened", "live", "pages", "most", "resets", "refused", "large"];
    let (region, text) = text.split_once(" opened ")?;
    let region = region.trim_end();
    if !is_place(region) {
        return None;
    }
    let mut words = text.split(' ');
    let mut values = [0; NAMES.len()];
    for (index, (name, value)) in NAMES.into_iter().zip(&mut values).enumerate() {
        if index > 0 && words.next()? != name {
            return None;
        }
        *value = number(words.next()?)?;
        if name == "most" && !(words.next()?.starts_with('(') && words.next()? == "KiB)") {
            return None;
        }
    }
    // Behind that, `at FILE:LINE` in a profiled service.
    if !matches!(words.next(), None | Some("at")) {
        return None;
    }
    for (name, value) in NAMES.into_iter().zip(values) {
        visit(Line::Region { region, name, value });
    }
    Some(())
}

/// Digits alone: no sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether this can be part of the name of a metric.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_part)
}

/// Whether this can be the name of an interface, a layer or a region: printable ASCII without blanks.
fn is_place(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let mut values = Vec::new();
        Listing::new(text.as_bytes()).visit(&mut |line| {
            values.push(match line {
                Line::Counter { interface, layer, name, value } => {
                    format!("{interface}|{layer}|{name}={value}")
                }
                Line::Pool { name, value } => format!("{name}={value}"),
                Line::Region { region, name, value } => format!("{region}|{name}={value}"),
            });
        });
        values
    }

    #[test]
    fn the_lines_of_a_service_are_read() {
        let text = "eth0.udp.datagrams_rx 11\nkv.hits 3\neth0.udp.tunnel.udp.short 18446744073709551615\n\
                    pool pages 16352 free 16308 most used 45\n\
                    region packet           opened 1 live 1 pages 2 most 12 (48 KiB) resets 7 refused 3 large 9\n\
                    region halves           opened 9 live 0 pages 0 most 1 (4 KiB) resets 0 refused 0 large 0 at a b.rs:1\n";
        assert_eq!(
            values(text),
            [
                "eth0|udp|datagrams_rx=11",
                "|kv|hits=3",
                "eth0|udp.tunnel.udp|short=18446744073709551615",
                "pages=16352",
                "free=16308",
                "most_used=45",
                "packet|opened=1",
                "packet|live=1",
                "packet|pages=2",
                "packet|most=12",
                "packet|resets=7",
                "packet|refused=3",
                "packet|large=9",
                "halves|opened=9",
                "halves|live=0",
                "halves|pages=0",
                "halves|most=1",
                "halves|resets=0",
                "halves|refused=0",
                "halves|large=0",
            ]
        );
        let listing = Listing::new(text.as_bytes());
        assert_eq!((listing.readable(), listing.unreadable()), (6, 0));
    }

    #[test]
    fn other_lines_are_counted_and_nothing_more() {
        let long = format!("eth0.udp.{} 1\n", "x".repeat(LONGEST_LINE));
        for line in [
            "\n",
            " \n",
            ".\n",
            "eth0.udp.short\n",
            "eth0.udp.short \n",
            "eth0.udp.short -1\n",
            "eth0.udp.short +1\n",
            "eth0.udp.short 1 \n",
            "eth0.udp.short 1.5\n",
            "eth0.udp.short 18446744073709551616\n",
            "eth0.udp. 1\n",
            "eth0..short 1\n",
            ".udp.short 1 2\n",
            "short 1\n",
            "eth0.udp.sh\"ort 1\n",
            "eth\u{1b}0.udp.short 1\n",
            "eth0.udp.short 1\r\n",
            "out of memory: region packet: 4096 bytes\n",
            "pool pages 1 free 2\n",
            "pool pages x free 2 most used 3\n",
            "region packet opened 1\n",
            "region packet opened 1 live 1 pages 2 most 12 resets 7 refused 3 large 9\n",
            "region a\tb opened 1 live 1 pages 2 most 12 (48 KiB) resets 7 refused 3 large 9\n",
            "region  opened 1 live 1 pages 2 most 12 (48 KiB) resets 7 refused 3 large 9\n",
            "region a opened 1 live 1 pages 2 most 12 (48 KiB) resets 7 refused 3 large 9 more\n",
            // Its end is missing: it may be 12.
            "eth0.udp.short 1",
            &long,
        ] {
            let listing = Listing::new(line.as_bytes());
            assert_eq!(values(line), [""; 0], "{line}");
            assert_eq!((listing.readable(), listing.unreadable()), (0, 1), "{line}");
        }
        assert_eq!(Listing::new(b"").unreadable(), 0);
        assert_eq!(Listing::new(b"\xff\xfe 1\n").unreadable(), 1);
    }
}
