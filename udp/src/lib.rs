#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod answers;
mod error;
#[cfg(test)]
mod fake;
mod layer;
mod listing;
mod ports;
mod serve;
mod service;
mod wire;

pub use self::layer::{Counters, Udp};
pub use answers::Bound;
pub use error::BindError;
pub use ports::PortSlot;
pub use service::{Datagram, Failure, Reply, Undelivered};
pub use wire::{HEADER_LEN, ParseError, UdpHeader};
