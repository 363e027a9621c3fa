#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod client;
mod client_id;
mod counters;
mod layer;
mod lease;
mod list;
mod observer;
pub mod options;
mod random;
mod request;
mod routes;
#[cfg(feature = "cores")]
mod standing;
pub mod wire;

pub use self::layer::Dhcp;
pub use client::{Client, Ignored, Output, State};
pub use client_id::{ClientId, MAX_CLIENT_ID};
pub use counters::Counters;
pub use ipv4::{MAX_ROUTES, Route};
pub use lease::{Changes, Lease, LeaseError, MAX_SERVERS, MIN_LEASE, Times};
pub use list::List;
pub use options::OptionsError;
pub use request::Request;
pub use routes::Routes;
pub use wire::{Message, MessageType, ParseError};

#[cfg(test)]
mod server;
