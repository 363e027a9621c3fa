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
mod waiting;
mod wire;

pub use self::layer::{Arp, DEFAULT_ENTRIES};
pub use cache::Full;
pub use counters::Counters;
pub use entry::{Entry, Timing};
pub use error::{AddressInUse, StaticError};
pub use resolver::{Message, Output, Reaction, Resolved, Resolver};
pub use waiting::{MAX_WAITING, MAX_WAITING_BYTES, Neighbour, Queue, packets};
pub use wire::{ArpPacket, Operation, PACKET_LEN, ParseError};
