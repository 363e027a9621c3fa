#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod error;
mod layer;
mod ports;
#[cfg(test)]
mod samples;
mod service;
mod sockets;
mod stored;
mod wire;

pub use self::layer::{Bound, Counters, Udp};
pub use error::BindError;
pub use ports::PortSlot;
pub use service::{Datagram, Failure, IntoFailure, Reply, Undelivered};
pub use sockets::{AskError, Socket, SocketCounters, SocketError, SocketSupport, Sockets};
pub use wire::{HEADER_LEN, ParseError, UdpHeader};
