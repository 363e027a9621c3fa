#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod client;
mod clock;
mod offset;
mod random;
pub mod sample;
mod select;
mod task;
pub mod wire;

pub use client::Client;
pub use clock::Clock;
pub use layer::ParseServersError;
pub use offset::Offset;
pub use task::{Counters, Sntp};

/// A list of servers of the time.
pub type Servers = layer::Servers<{ wire::PORT }>;
