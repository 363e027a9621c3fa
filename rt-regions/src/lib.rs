#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod budget;
mod error;
mod finite;
mod label;
mod list;
mod own;
mod pool;
mod region;
mod vec;

pub use error::{Exhausted, Limit};
pub use finite::Finite;
pub use label::Label;
pub use list::{Iter, List};
pub use own::{Parcels, RegionBox};
pub use pool::{PAGE_SIZE, Pool};
pub use region::Region;
pub use vec::{RegionVec, Text};
