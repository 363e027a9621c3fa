#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

#[cfg(test)]
mod host;

pub mod cache;
mod counters;
mod detection;
mod entry;
mod error;
mod layer;
mod resolver;
mod wire;

pub use self::layer::{Arp, DEFAULT_ENTRIES};
pub use cache::Full;
pub use counters::Counters;
pub use entry::{Entry, Timing};
pub use error::{AddressInUse, StaticError};
pub use ethernet::{MAX_WAITING, MAX_WAITING_BYTES};
pub use resolver::{Message, Output, Reaction, Resolved, Resolver};
pub use wire::{ArpPacket, Operation, PACKET_LEN, ParseError};
