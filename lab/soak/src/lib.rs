#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod attacks;
mod clients;
mod cores;
pub mod ear;
pub mod frames;
pub mod listing;
pub mod puppet;
mod requests;
mod rounds;
pub mod site;
pub mod streams;
mod tally;
pub mod tcp;
pub mod wire;

pub use self::{
    cores::Reports,
    rounds::{Pace, Round, RoundPlan, run},
    tally::Tally,
};

/// How many hosts that are not there ask something at once.
pub(crate) const STRANGERS: usize = 300;
