#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod capture;
mod family;
mod forward;
mod mac;
mod marks;
mod netif;
mod rooms;

#[doc(hidden)]
pub use layer;

pub use capture::{Capture, Recorder};
pub use family::Family;
pub use mac::{MacAddr, ParseMacAddrError};
pub use marks::RxMarks;
pub use rooms::Rooms;

pub use crate::netif::{Checksums, Netif, RxFrame};
