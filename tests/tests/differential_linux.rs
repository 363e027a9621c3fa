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
    pub(crate) mod ipv6;
    pub(crate) mod kernel;
    pub(crate) mod liberties;
    pub(crate) mod named;
    pub(crate) mod random;
    pub(crate) mod tcp;
    pub(crate) mod team;
    pub(crate) mod tower;
}

use std::process::ExitCode;

use differential_linux::{ipv6, named, random, tcp, team::Manner};
use trial::trial;

/// A comparison, with our host on so many cores.
type Comparison = fn(Manner);

/// The comparisons, and in which manners each is made: a connection stays at the queue that it began at, which is where one
/// core has it.
const COMPARISONS: [(&str, Comparison, &[Manner]); 5] = [
    ("named_frames", named::named_frames, &Manner::ALL),
    ("random_frames", random::random_frames, &Manner::ALL),
    ("named_frames_of_ipv6", ipv6::named_frames, &Manner::ALL),
    ("named_segments", tcp::named_segments, &[Manner::Alone, Manner::Steered]),
    ("random_segments", tcp::random_segments, &[Manner::Alone, Manner::Steered]),
];

fn main() -> ExitCode {
    let in_manners = |&(name, compare, manners): &(&str, Comparison, &'static [Manner])| {
        // Where programs that serve are left out, these are, by the same name.
        let name = format!("linux::differential::{name}");
        manners.iter().map(move |&manner| {
            trial(format!("{name}{}", manner.suffix()), move || compare(manner))
        })
    };
    namespace::run(COMPARISONS.iter().flat_map(in_manners).collect())
}
