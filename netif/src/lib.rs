#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod capture;
mod forward;
mod mac;
mod netif;

pub use capture::{Capture, Recorder};
pub use mac::{MacAddr, ParseMacAddrError};

pub use crate::netif::{Checksums, IPV4_MIN_MTU, Netif, RxFrame};
