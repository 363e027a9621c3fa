#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod congestion;
mod connection;
mod connections;
mod cookie;
mod ends;
mod error;
mod isn;
mod layer;
mod receive;
mod rtt;
mod segment;
mod send;
mod seq;
mod share;
mod stream;
mod time_wait;
mod tuple;
mod wire;

pub use congestion::CongestionControl;
pub use connection::{Broken, Connection, Emitted, Events, Handshake, Local, State, Trouble};
pub use connections::{ConnectionStats, Connections};
pub use cookie::Cookies;
pub use error::BindError;
pub use isn::InitialNumbers;
pub use receive::{AckNeed, Arrival, Lent, Receiver};
pub use segment::{Flags, MAX_SACK_BLOCKS, Options, SackBlocks, Segment, Timestamps};
pub use seq::Seq;
pub use stream::{ConnectError, Stream, StreamError};
pub use time_wait::{Closed, TIME_WAIT, TimeWaitAnswer, TimeWaitEntry, TimeWaits};
pub use tuple::Tuple;
pub use wire::{
    HEADER_LEN, Header, HeaderBytes, MAX_HEADER_LEN, MAX_OPTIONS_LEN, ParseError, TcpHeader, parse,
};

pub use crate::layer::{Counters, Tcp};

/// How long the first line is among these bytes, its end included: requests that are lines, for
/// [`Tcp::bind_exchange`].
pub fn lines(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n').map(|end| end + 1)
}
