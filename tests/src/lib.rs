#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod content;
mod exchanges;
mod faults;
mod memory;
mod pair;
mod random;

pub use content::Content;
pub use exchanges::{Exchange, PI, Reply, apps, exchanges};
pub use faults::{Duplicate, Lossy, Reorder, Trailing};
pub use memory::with_pool;
pub use pair::{End, Wire};
pub use random::Random;
