#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod layer;
mod link;

pub use self::layer::Ip;
pub use link::DualLink;
