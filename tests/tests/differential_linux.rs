//! Our whole host against that of Linux: the same frames to both, one by one, and what each answers
//! compared.
//!
//! The lower layers are compared by frames, and TCP by segments, with an application on each host that does what the
//! test says (`tcp.rs`).
//!
//! Linux is the kernel that runs the test, in a network namespace of its own: it owns 10.0.0.2 on a TAP
//! device whose other end is the test, and a UDP socket that echoes. Ours is the tower over an interface in
//! memory. Both are set up alike, with the same static neighbours and the same gateway. Where they
//! answer differently, one is wrong, or the RFCs leave the choice: then the difference stands in the
//! tables in `liberties.rs` and `departures.rs` with the reason, and an entry of these which no longer occurs fails the
//! test as well.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/trial.rs"]
mod trial;

mod differential_linux {
    pub(crate) mod answer;
    pub(crate) mod compare;
    pub(crate) mod departures;
    pub(crate) mod fragments;
    pub(crate) mod frames;
    pub(crate) mod kernel;
    pub(crate) mod liberties;
    pub(crate) mod named;
    pub(crate) mod random;
    pub(crate) mod tcp;
    pub(crate) mod tower;
}

use std::process::ExitCode;

use differential_linux::{named, random, tcp};
use trial::trial;

fn main() -> ExitCode {
    // Where programs that serve are left out, these are, by the same name.
    namespace::run(vec![
        trial("linux::differential::named_frames", named::named_frames),
        trial("linux::differential::random_frames", random::random_frames),
        trial("linux::differential::named_segments", tcp::named_segments),
        trial("linux::differential::random_segments", tcp::random_segments),
    ])
}
