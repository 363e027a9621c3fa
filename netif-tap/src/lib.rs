#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod batch;
mod counters;
mod device;
mod error;
mod headers;
mod incoming;
mod tap;
#[doc(hidden)]
pub mod testing;
mod virtio;

pub use counters::Counters;
pub use device::{create, create_with_queues};
pub use error::Error;
pub use tap::Tap;

/// What a runtime waits on: the descriptor of a device that is never closed.
pub type Event = rustix::fd::BorrowedFd<'static>;
