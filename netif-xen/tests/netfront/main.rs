//! The frontend against backends of all kinds.

#[path = "../simulated/mod.rs"]
mod simulated;

mod advisories;
mod connections;
mod frames;
mod lies;
mod support;
