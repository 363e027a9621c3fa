#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod buffer;
mod device;
mod error;
mod link;
mod netfront;
mod ring;
mod rx;
pub mod state;
mod tx;
mod wire;

pub use error::{Error, Lie};
pub use netfront::{Counters, Netfront};

/// What a runtime waits on: our end of the event channel, once there is one.
pub use rt_xen::Event;
