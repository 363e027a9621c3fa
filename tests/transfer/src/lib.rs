#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
mod client;
mod content;
mod protocol;
#[cfg(feature = "std")]
mod server;

#[cfg(feature = "std")]
pub use client::{Transfer, receive, send};
pub use content::Content;
pub use protocol::{Digest, RECEIPT_LEN, REQUEST_LEN, Receipt, Request, SINK, SOURCE};
#[cfg(feature = "std")]
pub use server::serve;
