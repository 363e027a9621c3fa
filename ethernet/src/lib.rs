#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod forward;
mod layer;
mod limited_mtu;
mod link;
mod neighbours;
mod waiting;
mod wire;

#[doc(hidden)]
pub use ::layer as layer_crate;
#[doc(hidden)]
pub use netif;

pub use self::layer::{Counters, Ethernet, JoinError, MAX_GROUPS};
pub use limited_mtu::LimitedMtu;
pub use link::{Frame, Link};
pub use neighbours::Neighbours;
pub use waiting::{Awaited, MAX_WAITING, MAX_WAITING_BYTES, Neighbour, Queue, Waiting, packets};
pub use wire::{EtherType, EthernetHeader, HEADER_LEN, MIN_PAYLOAD, ParseError};
