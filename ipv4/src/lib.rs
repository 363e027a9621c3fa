#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod ids;
mod layer;
mod multicast;
mod options;
mod paths;
mod reassembly;
mod receive;
mod rows;
mod send;
mod wire;

pub use self::layer::{Counters, DEFAULT_TTL, Ipv4};
pub use multicast::{ALL_HOSTS, JoinError, MAX_GROUPS, multicast_mac};
pub use options::{IpOption, Options};
pub use reassembly::{Datagram, Insert, Key, Limits, Reassembly};
pub use wire::{
    Fields, HEADER_LEN, Ipv4Header, MAX_HEADER_LEN, MAX_PACKET_LEN, ParseError, Parsed,
};
