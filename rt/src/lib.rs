#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod arguments;
mod config;
mod error;
mod runtime;
mod task_store;

pub use config::{Config, Settings};
pub use error::Error;
pub use runtime::{Runtime, Wake, packet_region};
pub use task_store::TaskStore;
pub use tasks::{Pace, SpawnError, TaskError, TaskRef, Tasks, yield_now};
