//! TCP: the same conversations of literal segments to our tower and to Linux, with applications that do what the test says.
//!
//! Numbers of the host count from the initial sequence number that it chose, and its timestamps from the first that it sent: the
//! acknowledgments and echoes of the test are made for each host by its own.

mod answer;
mod application;
mod compare;
mod departures;
mod liberties;
mod linux;
mod named;
mod ours;
mod random;
mod segment;
mod text;

pub(crate) use self::{named::named_segments, random::random_segments};
