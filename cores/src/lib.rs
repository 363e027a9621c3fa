#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod atomic;
mod claims;
mod core_handle;
mod notice;
mod ring;
mod shared;
mod sleep;
mod spread;

pub use self::{
    claims::{Claim, MAX_CLAIMS},
    core_handle::{Core, Counters, JoinError, Publishing},
    notice::{MAX_NOTICE, Notice},
    ring::{Message, Receiver, Ring, Sender},
    shared::{Channel, Cores, Doorbell, MAX_CORES, NOTICES, Sizes},
    sleep::Sleep,
    spread::{Spread, last_header},
};
#[doc(hidden)]
pub use atomic::AtomicU64;
pub use layer::{ClaimError, Load};
