//! The frontend against backends of all kinds.

#[path = "../simulated/mod.rs"]
mod simulated;

mod advisories;
mod connections;
mod frames;
mod hostile;
mod lies;
mod queue;
#[cfg(feature = "segmentation")]
mod segments;
mod support;
mod tower;
