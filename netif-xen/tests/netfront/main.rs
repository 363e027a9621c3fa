//! The frontend against backends of all kinds.

#[path = "../simulated/mod.rs"]
mod simulated;

mod advisories;
mod connections;
mod frames;
mod hostile;
mod lies;
mod queue;
mod support;
mod tower;
