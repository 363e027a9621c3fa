#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod bench;
pub mod cores;
pub mod cost;
pub mod density;
pub mod http;
