#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod answer;
mod bind;
mod board;
mod connections;
mod escape;
mod html;
mod json;
mod metrics;
mod query;
mod seconds;
mod serve;
mod state;
mod watch;

pub use answer::{Request, Response};
pub use bind::bind;
pub use board::Board;
pub use html::PAGE;
pub use watch::Watch;
