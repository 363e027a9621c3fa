#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod addresses;
pub mod authority;
pub mod cache;
mod error;
mod name;
pub mod query;
mod random;
mod reading;
mod resolver;
mod sources;
pub mod wire;
pub mod zone;

pub use addresses::{Addresses, MAX_ADDRESSES};
pub use cache::{Cache, Known};
pub use error::ResolveError;
pub use layer::ParseServersError;
pub use name::{Labels, MAX_LABEL, MAX_NAME, Name, NameError, NameRef};
pub use resolver::{Counters, Families, Resolver, STALE_PATIENCE};
pub use sources::Sources;

/// A list of servers that find answers themselves (recursive ones), the preferred first.
pub type Servers = layer::Servers<{ wire::PORT }>;
