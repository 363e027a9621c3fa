#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
#[macro_use]
extern crate std;

mod chain;
mod counters;
mod discovery;
mod flow_label;
mod fragment;
mod groups;
mod host;
mod identifications;
mod layer;
mod options;
mod paths;
mod reassembly;
mod source;
mod wire;

pub use self::layer::Ipv6;
pub use chain::MAX_HEADERS;
pub use counters::Counters;
pub use discovery::{Assigned, Discovery, LONGEST_QUOTE, Undelivered};
pub use fragment::{FRAGMENT_HEADER_LEN, FragmentHeader};
pub use groups::{ALL_NODES, ALL_ROUTERS, JoinError, multicast_mac, solicited_node};
pub use host::Host;
pub use reassembly::{Datagram, Fragment, Insert, Key, Limits, Reassembly};
pub use source::{Policy, policy};
pub use wire::{Fields, HEADER_LEN, Ipv6Header, MAX_PAYLOAD_LEN, ParseError, Parsed};
