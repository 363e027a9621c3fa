//! What a platform knows of the program that runs on it, for a page that shows the program from inside.

use core::time::Duration;

use layer::Instant;

mod log_ring;
mod times;

pub use log_ring::{LogLine, LogRing};
pub use times::Times;

/// What a program does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Activity {
    /// It starts: the loop has not begun.
    Start,
    /// A packet goes through the tower, with the services that are functions.
    Tower,
    /// Tasks are polled.
    Tasks,
    /// It sleeps until something happens.
    Idle,
}

impl Activity {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Start, Self::Tower, Self::Tasks, Self::Idle];

    /// The activity in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Tower => "tower",
            Self::Tasks => "tasks",
            Self::Idle => "idle",
        }
    }
}

/// How the places are found where a program spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// They are not; this is why.
    None(&'static str),
    /// A timer interrupts the program each time that it has computed for `period`, and the place is noted.
    Timer {
        /// The time between two samples, of the processor's time.
        period: Duration,
        /// How many samples were ever taken.
        taken: u64,
        /// How many of them, the last ones, are counted by place.
        counted: u64,
    },
}

/// A place in the program, and how many samples were taken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The function; its address in hexadecimal if the program has no name for it.
    pub function: &'a str,
    /// How many samples.
    pub samples: u64,
}

/// What a platform knows of the program that runs on it.
pub trait Insight {
    /// What the program is here: `Linux process`, `guest of Xen`.
    fn platform(&self) -> &'static str;

    /// When the program started.
    fn started(&self) -> Instant;

    /// Calls `visit` with each step of the start, and how long after the start it was reached.
    fn milestones(&self, visit: &mut dyn FnMut(&'static str, Duration));

    /// How long each activity took up to now.
    fn times(&self) -> &Times;

    /// Calls `visit` with each line that was printed and is still kept, from number `first` on. Returns the number of the
    /// next line.
    fn lines(&self, first: u64, visit: &mut dyn FnMut(LogLine<'_>)) -> u64;

    /// Calls `visit` with the places where the most samples were taken, the first of them first, at most `most`.
    fn places(&self, most: usize, visit: &mut dyn FnMut(Place<'_>)) -> Sampling;
}
