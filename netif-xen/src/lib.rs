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
mod ring;
mod rx;
mod segments;
pub mod state;
mod tx;
mod wire;

pub use counters::Counters;
pub use error::{Broken, Error, ProtocolViolation};
pub use netfront::Netfront;
