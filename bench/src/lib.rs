#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arguments;
mod buffers;
mod cable;
mod cores;
mod counted;
mod datagram;
pub mod http;
mod reflect;
mod tap;
mod towers;
pub mod usage;

pub use arguments::Arguments;
pub use buffers::set_buffers;
pub use cable::{Cable, Frames};
pub use cores::{Cores, pin};
pub use counted::counted;
pub use datagram::{CLIENT, Host, SERVER, frames};
pub use reflect::reflect;
pub use tap::open_blocking;
pub use tests::Content;
pub use towers::{Figure, LAYERS, Visit, measure};
