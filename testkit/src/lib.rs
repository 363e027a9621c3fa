#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod clock;
mod faults;
mod host;
mod memory;
mod network;
mod pair;
mod path;
mod payload;
mod random;
mod segmentation;

pub use clock::Clock;
pub use faults::{Duplicate, Lossy, Reorder, Trailing};
pub use host::{Host, counter};
pub use memory::{program_memory, with_pool};
pub use network::{Broken, FakeNetwork};
pub use pair::{End, Wire};
pub use path::{PathEnd, Quality};
pub use payload::bytes_of;
pub use random::Random;
pub use segmentation::Segmentation;
