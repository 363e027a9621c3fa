#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod config;
mod error;
mod runtime;
pub mod split;

pub use config::Config;
pub use error::Error;
pub use runtime::{Runtime, Wake, packet_region};
