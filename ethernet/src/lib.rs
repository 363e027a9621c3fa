#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod forward;
mod layer;
mod link;
mod neighbours;
mod wire;

#[doc(hidden)]
pub use ::layer as layer_crate;
#[doc(hidden)]
pub use netif;

pub use self::layer::{Counters, Ethernet, JoinError, MAX_GROUPS};
pub use link::{Frame, Link};
pub use neighbours::Neighbours;
pub use wire::{EtherType, EthernetHeader, HEADER_LEN, MIN_PAYLOAD, ParseError};
