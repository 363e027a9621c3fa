#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

#[cfg(test)]
mod fake;
mod layer;
mod quote;
mod rules;
mod wire;

pub use self::layer::{Counters, Icmp};
pub use wire::{HEADER_LEN, IcmpHeader, MessageType, ParseError};
