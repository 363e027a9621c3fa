#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod asks;
mod error;
mod messages;
mod service;
mod wire;

pub use self::{
    error::{AnswerError, AskError, Failure, NewError, Reply, SendError},
    messages::{MAX_ASKS, MAX_TOPICS, Messages},
};
