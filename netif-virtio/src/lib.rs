#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod buffer;
mod config;
mod counters;
mod device;
mod error;
mod features;
mod guest;
mod header;
#[cfg(feature = "kvm")]
mod kvm;
mod link;
mod negotiation;
mod queue;
mod rx;
mod segments;
mod tx;

pub use counters::Counters;
pub use device::VirtioNet;
pub use error::{DeviceError, Error, ProtocolViolation};
pub use guest::{Access, Guest};
#[cfg(feature = "kvm")]
pub use kvm::KvmNet;
#[doc(no_inline)]
pub use virtio_drivers::transport::Transport;
