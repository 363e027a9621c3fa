#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod all_cores;
mod cidr;
mod claim_error;
mod counters;
mod decimal;
mod dotted;
mod endpoint;
mod format;
mod forward;
mod ipv6_cidr;
mod keeper;
mod keyed_hash;
mod layer;
mod log;
mod networks;
mod offload;
mod payload;
mod replaced;
mod report;
mod servers;
mod service_counters;
mod setup;
pub mod split;
mod time;

pub use all_cores::{AllCores, Load};
pub use cidr::{Cidr, IPV4_MIN_MTU, Location, ParseCidrError, is_unicast};
pub use claim_error::ClaimError;
pub use counters::{Counter, visit_counters};
pub use decimal::decimal;
pub use dotted::{Dotted, parse_ipv4};
pub use endpoint::Endpoint;
pub use format::{format, format_number};
pub use ipv6_cidr::{IPV6_MIN_MTU, Ipv6Cidr, ParseIpv6CidrError, is_unicast_ipv6};
pub use keeper::{Keeper, KeptAddress};
pub use keyed_hash::{KeyedHash, KeyedSequence, TableHash, seed_for};
pub use networks::{Networks, ParseNetworksError};
pub use offload::{Offloads, PartialChecksum, TxOffload};
pub use payload::{Payload, SMALL, Slice, share};
pub use replaced::Replaced;
pub use report::report;
pub use servers::{ParseServersError, Servers};
#[doc(hidden)]
pub use service_counters::visit_counts;
pub use service_counters::{Count, ServiceCounters};
pub use setup::Setup;
pub use time::Instant;

pub use crate::layer::{Layer, Rx};

#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use defmt;
