#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod escape;
mod file;
mod http;
mod listing;
mod prometheus;
mod question;

pub use escape::printable;
pub use file::replace;
pub use http::Server;
pub use listing::{Line, Listing};
pub use prometheus::{CONTENT_TYPE, Label, exposition};
pub use question::{AskError, Question};
