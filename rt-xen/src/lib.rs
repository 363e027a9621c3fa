#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod guest;
#[allow(dead_code, reason = "called from the platform's modules")]
mod hypercall;

pub use guest::{
    Access, DomainId, GrantError, GrantRef, Guest, Port, StillInUse, StoreError, Watch,
};
pub use hypercall::Errno;
pub use rt::{Error, Runtime};
