use layer::Instant;

use super::{ranges::MAX_RANGES, *};

mod model;
