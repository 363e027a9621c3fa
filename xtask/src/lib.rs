#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod assembly;
pub mod bench;
pub mod cargo;
pub mod checks;
pub mod cost;
pub mod lab;
pub mod memory;
pub mod profile;
pub mod run;
pub mod tools;
pub mod tower;
