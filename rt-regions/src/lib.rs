#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod alloc;
#[cfg(feature = "allocator-api2")]
mod allocator;
mod budget;
mod dropping;
mod error;
mod finite;
mod label;
mod list;
mod own;
mod page;
mod place;
mod pool;
#[cfg(feature = "profile")]
mod profile;
mod region;
mod scope;
mod vec;

pub use error::{Exhausted, Limit};
pub use finite::Finite;
pub use label::Label;
pub use list::{Iter, List};
pub use own::{Parcels, RegionBox};
pub use page::Page;
pub use place::Place;
pub use pool::{PAGE_SIZE, Pool};
#[cfg(feature = "profile")]
pub use profile::Profile;
pub use region::Region;
pub use scope::Scope;
pub use vec::{RegionVec, Text};
