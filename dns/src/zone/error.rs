//! What is wrong with the text of a zone.

use core::{error::Error, fmt};

use rt_regions::Exhausted;

/// What is wrong with the text of a zone, and in which line.
///
/// ```text
/// line 7: "192.0.2.256": expected an IPv4 address, such as 192.0.2.7
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneError<'t> {
    /// The line, from 1 on.
    pub line: u32,
    /// What is wrong.
    pub problem: Problem<'t>,
}

/// What is wrong in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem<'t> {
    /// This is there, and something else is expected.
    Expected(&'t str, &'static str),
    /// The line ends, and something else is expected.
    Missing(&'static str),
    /// A rule is broken.
    Rule(&'static str),
    /// A rule is broken because of another line.
    Conflict(&'static str, u32),
    /// The region has no room for the records.
    Exhausted(Exhausted),
}

impl fmt::Display for ZoneError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl fmt::Display for Problem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected(found, expected) => write!(f, "\"{found}\": expected {expected}"),
            Self::Missing(expected) => write!(f, "the line ends: expected {expected}"),
            Self::Rule(rule) => f.write_str(rule),
            Self::Conflict(rule, line) => write!(f, "{rule} in line {line}"),
            Self::Exhausted(exhausted) => write!(f, "out of memory: {exhausted}"),
        }
    }
}

impl Error for ZoneError<'_> {}
