#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod segment;
mod seq;

pub use segment::{Flags, MAX_SACK_BLOCKS, Options, SackBlocks, Segment, Timestamps};
pub use seq::Seq;
