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

pub use self::layer::{Counters, Icmpv6};
pub use wire::{Addresses, HEADER_LEN, Icmpv6Header, MessageType, ParseError};
