#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod assembly;
pub mod bench;
pub mod cargo;
pub mod checks;
pub mod cost;
pub mod fetched;
pub mod fuzz;
mod interrupt;
pub mod lab;
mod lines;
pub mod memory;
mod nightly;
pub mod profile;
pub mod run;
pub mod size;
pub mod soak;
pub mod supply;
pub mod tools;
pub mod tower;
pub mod xen;
