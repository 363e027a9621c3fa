#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
#[macro_use]
extern crate std;

#[cfg(test)]
mod host;

mod addresses;
mod cache;
mod counters;
mod identifier;
mod layer;
mod listener;
mod node;
mod observer;
mod prefixes;
mod random;
mod redirects;
mod routers;
mod servers;
mod solicitation;
pub mod wire;

use ::layer::Instant;

pub use self::layer::{DEFAULT_ENTRIES, Ndp};
pub use addresses::{AddressInUse, MAX_ADDRESSES};
pub use cache::Entry;
pub use counters::Counters;
pub use listener::{LinkChange, MAX_GROUPS};
pub use node::{Node, Reaction, Resolved};
pub use prefixes::MAX_PREFIXES;
pub use redirects::MAX_REDIRECTS;
pub use routers::MAX_ROUTERS;
pub use servers::MAX_DNS_SERVERS;

/// The deadline when nothing is due, and the end of what does not end.
const NEVER: Instant = Instant::from_nanos(u64::MAX);
