#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod layer;
mod wire;

pub use self::layer::{Counters, Share};
