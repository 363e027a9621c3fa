//! The last lines that a program printed.

use core::fmt::{self, Write as _};

use layer::Instant;

/// How many lines are kept.
const LINES: usize = 64;

/// The longest line that is kept whole, in bytes.
const LONGEST: usize = 160;

/// What stands at the end of a line whose rest is not kept.
const CUT: &str = "…";

/// A ring of the last 64 lines, 160 bytes each: 11 KiB, without a heap. It begins empty and all zero, so that it takes no
/// room in the file of a program.
pub struct LogRing {
    slots: [Slot; LINES],
    /// How many lines there ever were.
    taken: u64,
}

struct Slot {
    at: Instant,
    length: u8,
    text: [u8; LONGEST],
}

const _: () = assert!(LONGEST <= u8::MAX as usize);

/// A line that was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// Its number. The first line of the program is 0.
    pub number: u64,
    /// When it was printed.
    pub at: Instant,
    /// The text, or its beginning.
    pub text: &'a str,
}

impl LogRing {
    /// No lines.
    pub const fn new() -> Self {
        const EMPTY: Slot = Slot { at: Instant::ZERO, length: 0, text: [0; LONGEST] };
        Self { slots: [EMPTY; LINES], taken: 0 }
    }

    /// Keeps a line, in place of the oldest one if there is no room. What is longer than 160 bytes is cut.
    pub fn push(&mut self, now: Instant, line: fmt::Arguments<'_>) {
        let slot = &mut self.slots[(self.taken % LINES as u64) as usize];
        (slot.at, slot.length) = (now, 0);
        let whole = slot.write_fmt(line).is_ok();
        if !whole {
            slot.cut();
        }
        self.taken += 1;
    }

    /// How many lines there ever were: the number of the next one.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The lines that are kept, from number `first` on, the oldest first.
    pub fn since(&self, first: u64) -> impl Iterator<Item = LogLine<'_>> {
        let kept = self.taken.saturating_sub(LINES as u64);
        (first.max(kept)..self.taken).map(|number| {
            let slot = &self.slots[(number % LINES as u64) as usize];
            LogLine { number, at: slot.at, text: slot.text() }
        })
    }
}

impl Default for LogRing {
    fn default() -> Self {
        Self::new()
    }
}

impl Slot {
    fn text(&self) -> &str {
        // Only whole characters are written.
        self.text
            .get(..usize::from(self.length))
            .and_then(|text| str::from_utf8(text).ok())
            .unwrap_or_default()
    }

    /// Puts the mark of a cut line at the end.
    fn cut(&mut self) {
        let end = self.text().floor_char_boundary(LONGEST - CUT.len());
        self.length = end as u8;
        // It fits.
        let _ = self.write_str(CUT);
    }
}

/// Writes as many whole characters as fit.
impl fmt::Write for Slot {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.text[usize::from(self.length)..];
        let fits = text.floor_char_boundary(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits as u8;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl fmt::Debug for LogRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRing").field("taken", &self.taken).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use super::*;

    fn texts(ring: &LogRing, first: u64) -> Vec<(u64, &str)> {
        ring.since(first).map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn the_last_lines_are_kept_in_their_order() {
        let mut ring = LogRing::new();
        assert_eq!((texts(&ring, 0), ring.taken()), (Vec::new(), 0));
        for number in 0..LINES as u64 + 3 {
            ring.push(Instant::from_millis(number), format_args!("line {number}"));
        }
        let kept = texts(&ring, 0);
        assert_eq!((kept.len(), kept[0], ring.taken()), (LINES, (3, "line 3"), 67));
        assert_eq!(texts(&ring, 65), [(65, "line 65"), (66, "line 66")]);
        assert_eq!((texts(&ring, 67), texts(&ring, u64::MAX)), (Vec::new(), Vec::new()));
        assert_eq!(ring.since(66).next().unwrap().at, Instant::from_millis(66));
    }

    #[test]
    fn a_long_line_is_cut_between_two_characters_and_says_so() {
        let mut ring = LogRing::new();
        let whole = "ß".repeat(LONGEST / 2);
        ring.push(Instant::ZERO, format_args!("{whole}"));
        ring.push(Instant::ZERO, format_args!("{whole}x"));
        ring.push(Instant::ZERO, format_args!("x{whole}"));
        let mut failing = String::new();
        failing.push_str("before");
        let fails = fmt::from_fn(|_| Err(fmt::Error));
        ring.push(Instant::ZERO, format_args!("{failing}{fails}after"));
        let kept = texts(&ring, 0);
        assert_eq!(kept[0].1, whole);
        assert_eq!(kept[1].1, "ß".repeat(78) + CUT);
        assert_eq!(kept[2].1, String::from("x") + &"ß".repeat(78) + CUT);
        assert_eq!(kept[3].1, "before…");
        assert!(kept.iter().all(|(_, text)| text.len() <= LONGEST));
    }
}
