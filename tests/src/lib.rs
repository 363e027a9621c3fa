#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod content;
mod exchanges;

pub use content::Content;
pub use exchanges::{Exchange, PI, Reply, apps, exchanges};
