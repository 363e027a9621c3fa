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
mod pair;
#[cfg(feature = "cores")]
mod pairs;
mod queue;
#[cfg(feature = "cores")]
mod queues;
mod rx;
mod segments;
#[cfg(feature = "cores")]
mod spread;
mod tx;

pub use counters::Counters;
pub use device::VirtioNet;
pub use error::{DeviceError, Error, ProtocolViolation};
#[cfg(feature = "cores")]
pub use guest::OtherCore;
pub use guest::{Access, Guest};
#[cfg(feature = "kvm")]
pub use kvm::KvmNet;
#[cfg(all(feature = "kvm", feature = "cores"))]
pub use kvm::KvmQueues;
#[doc(no_inline)]
pub use virtio_drivers::transport::Transport;
#[cfg(feature = "cores")]
pub use {pairs::Pairs, queues::Queues};
