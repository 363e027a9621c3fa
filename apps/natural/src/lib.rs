#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod factorial;
mod fibonacci;
mod natural;

pub use self::{
    factorial::factorial,
    fibonacci::{fibonacci, fibonacci_by_adding},
    natural::Natural,
};
