#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod cidr;
mod counters;
mod decimal;
mod dotted;
mod endpoint;
mod format;
mod forward;
mod keyed_hash;
mod layer;
mod log;
mod networks;
mod offload;
mod payload;
mod replaced;
mod report;
mod service_counters;
mod setup;
pub mod split;
mod time;

pub use cidr::{Cidr, IPV4_MIN_MTU, Location, ParseCidrError, is_unicast};
pub use counters::{Counter, visit_counters};
pub use decimal::decimal;
pub use dotted::{Dotted, parse_ipv4};
pub use endpoint::Endpoint;
pub use format::{format, format_number};
pub use keyed_hash::{KeyedHash, TableHash, seed_for};
pub use networks::{Networks, ParseNetworksError};
pub use offload::{Offloads, PartialChecksum, TxOffload};
pub use payload::{Payload, SMALL, Slice, share};
pub use replaced::Replaced;
pub use report::report;
#[doc(hidden)]
pub use service_counters::visit_counts;
pub use service_counters::{Count, ServiceCounters};
pub use setup::Setup;
pub use time::Instant;

pub use crate::layer::{Layer, Rx};

#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use defmt;
