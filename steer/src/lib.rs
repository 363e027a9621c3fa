#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod error;
mod first;
mod head;
mod no_queues;
mod notice;
mod other;
mod steer;

pub use self::{
    error::SteerError,
    no_queues::NoQueues,
    steer::{Counters, Steer},
};
