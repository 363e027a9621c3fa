//! The interface against a simulated device.

#[path = "../simulated/mod.rs"]
mod simulated;

mod frames;
mod hostile;
mod lies;
mod negotiation;
#[cfg(feature = "cores")]
mod pairs;
mod queue;
mod resets;
#[cfg(feature = "segmentation")]
mod segments;
mod support;
mod tower;
