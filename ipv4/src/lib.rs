#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod configure;
mod counters;
mod host;
mod layer;
mod options;
mod paths;
mod reassembly;
mod routes;
mod wire;

pub use self::layer::Ipv4;
pub use configure::Configure;
pub use counters::Counters;
pub use host::{ALL_HOSTS, DEFAULT_TTL, Host, JoinError, MAX_GROUPS, multicast_mac};
pub use options::{IpOption, Options};
pub use reassembly::{Datagram, Insert, Key, Limits, Reassembly};
pub use routes::{Gateway, MAX_ROUTES, Route, RouteTable, Routes};
pub use wire::{
    Fields, HEADER_LEN, Ipv4Header, MAX_HEADER_LEN, MAX_PACKET_LEN, ParseError, Parsed,
};
