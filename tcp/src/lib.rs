#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod receive;
mod segment;
mod seq;
mod wire;

pub use receive::{AckNeed, Arrival, Receiver};
pub use segment::{Flags, MAX_SACK_BLOCKS, Options, SackBlocks, Segment, Timestamps};
pub use seq::Seq;
pub use wire::{
    HEADER_LEN, Header, HeaderBytes, MAX_HEADER_LEN, MAX_OPTIONS_LEN, ParseError, TcpHeader, parse,
};
