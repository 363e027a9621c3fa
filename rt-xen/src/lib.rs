#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod arguments;
mod clock;
mod console;
mod domain;
mod entropy;
mod events;
mod grants;
mod guest;
#[allow(dead_code, reason = "made by the entry")]
mod handover;
#[allow(dead_code, reason = "called from the platform's modules")]
mod hypercall;
mod operations;
mod ring;
#[allow(dead_code, reason = "made by the entry")]
mod runtime;
mod shared_info;
mod shutdown;
mod xenstore;

pub use grants::GrantCounts;
pub use guest::{
    Access, DomainId, GrantError, GrantRef, Guest, Port, StillInUse, StoreError, Watch,
};
pub use hypercall::Errno;
pub use rt::{Error, Runtime};
pub use runtime::{Event, Rt};
