#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod error;
mod pace;
mod places;
mod queue;
mod slot;
mod tasks;
mod timers;

pub use self::{
    error::TaskError,
    pace::{Pace, yield_now},
    places::{Place, Places},
    slot::TaskRef,
    tasks::{Counters, PollTasks, SpawnError, Tasks},
};
