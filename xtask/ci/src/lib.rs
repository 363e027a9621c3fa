#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod assembly;
pub mod checks;
pub mod debian;
pub mod examples;
pub mod fetched;
pub mod first_minute;
pub mod fuzz;
pub mod memory;
pub mod metadata;
mod nightly;
pub mod packages;
pub mod supply;
pub mod tower;
