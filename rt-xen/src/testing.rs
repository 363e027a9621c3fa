//! The functions of this crate for the fuzz targets: they read input from xenstore. No program uses them, and none of
//! them is in an image.

pub use crate::xenstore::door::{Daemon, Rings, Store};
