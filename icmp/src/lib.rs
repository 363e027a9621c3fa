#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod layer;
mod quote;
mod rules;
#[cfg(test)]
mod samples;
mod wire;

pub use self::layer::{Counters, Icmp};
pub use wire::{HEADER_LEN, IcmpHeader, MessageType, ParseError};
