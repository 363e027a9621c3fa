#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod body;
mod client;
mod clock;
mod config;
mod connection;
mod failure;
mod fault;
mod files;
mod framing;
mod head;
mod headers;
mod memory;
mod method;
mod request;
mod response;
mod route;
mod scan;
mod serve;
mod stream;
mod tcp;
mod text;
mod writer;

pub use client::{Client, ClientError, Outgoing, Reply, Upload};
pub use clock::Clock;
pub use config::{Config, Counters, Limits};
pub use failure::{Answer, Failure, IntoFailure, Sent};
pub use files::{File, files};
pub use headers::Headers;
pub use memory::{InMemory, NoRoom, reply_to};
pub use method::{Method, Methods};
pub use request::Request;
pub use response::{BodyWriter, Response};
pub use route::Route;
pub use serve::serve;
pub use stream::ByteStream;
pub use text::decode;
