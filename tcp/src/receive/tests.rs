use core::time::Duration;

use layer::Instant;

use super::{ranges::MAX_RANGES, *};

mod acks;
mod cost;
mod memory;
mod model;
mod window;
mod work;
