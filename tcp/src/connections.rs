//! The connections of a program: what the layer and the streams of tasks share, in the program's memory.

mod deadlines;
mod half_open;
mod opener;
mod shared;
mod table;

pub use self::shared::{ConnectionStats, Connections};
pub(crate) use self::{
    half_open::{Due, HalfOpen, HalfOpens, agreed, answer_timestamps},
    opener::{Listener, Service},
    shared::{Entry, Inner, Marks, NotBegun, Opening},
    table::Id,
};
