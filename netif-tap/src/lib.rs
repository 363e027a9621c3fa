#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod device;
mod error;
mod tap;

pub use error::Error;
pub use tap::{Counters, Tap};

/// What a runtime waits on: the descriptor of a device that is never closed.
pub type Event = rustix::fd::BorrowedFd<'static>;
