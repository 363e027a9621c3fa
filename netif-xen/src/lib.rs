#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod buffer;
mod counters;
mod device;
mod error;
mod link;
mod netfront;
mod open;
mod pair;
#[cfg(feature = "cores")]
mod pairs;
#[cfg(feature = "cores")]
mod queues;
mod ring;
mod rings;
mod rx;
mod segments;
#[cfg(feature = "cores")]
mod spread;
pub mod state;
mod tx;
mod wire;

pub use counters::Counters;
pub use error::{Broken, Error, ProtocolViolation};
pub use netfront::Netfront;
#[cfg(feature = "cores")]
pub use open::XenQueues;
#[cfg(feature = "cores")]
pub use pairs::Pairs;
#[cfg(feature = "cores")]
pub use queues::Queues;
