#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod layer;
mod link;
mod neighbours;
mod wire;

pub use self::layer::{Counters, Ethernet, JoinError, MAX_GROUPS};
pub use link::{Frame, Link};
pub use neighbours::Neighbours;
pub use wire::{EtherType, EthernetHeader, HEADER_LEN, MIN_PAYLOAD, ParseError};
