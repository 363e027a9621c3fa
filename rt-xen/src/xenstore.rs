//! Xenstore: the tree of paths and values that the domains of a host share (`io/xs_wire.h`).

mod client;
#[cfg(test)]
pub(crate) mod daemon;
pub(crate) mod door;
mod incoming;
mod watches;
mod wire;

pub(crate) use client::{Client, XenstoreInterface};
