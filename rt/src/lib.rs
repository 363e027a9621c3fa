#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod arguments;
mod config;
#[cfg(feature = "cores")]
mod crew;
mod error;
#[cfg(feature = "page")]
pub mod insight;
#[cfg(feature = "ipv6")]
mod ipv6;
mod own_arguments;
mod runtime;
mod task_store;

pub use config::{Config, Settings};
pub use error::Error;
#[cfg(feature = "ipv6")]
pub use ipv6::Ipv6;
pub use own_arguments::OwnArguments;
pub use runtime::{Runtime, Wake, packet_region};
pub use task_store::TaskStore;
pub use tasks::{Pace, SpawnError, TaskError, TaskRef, Tasks, yield_now};

/// Items for the macros of this crate, and for the tests of platforms.
#[doc(hidden)]
pub mod private {
    #[cfg(feature = "cores")]
    pub use crate::crew::stop;
    pub use crate::own_arguments::{is_free, set};
}
