#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod concern;
mod layer;

pub use self::{
    concern::{Concern, Origin, concern, may_leave},
    layer::{Counters, Hub},
};
