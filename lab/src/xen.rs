//! A real Xen to try guests on: Xen 4.17 with a Linux as its first domain (dom0), in QEMU without
//! hardware virtualisation.
//!
//! [`Machine::boot`] fetches what it takes, starts it and returns when dom0 is ready. [`Domain::create`]
//! starts a guest there. Requests to guests are sent by dom0, over its bridge and its network back end:
//! [`Machine::ask`].
//!
//! What follows is `docs/xen.md`.
//!
#![doc = include_str!("../../docs/xen.md")]

mod agent;
mod archive;
mod bridge;
mod console;
mod domain;
mod initramfs;
mod leftovers;
mod linux;
mod log;
mod machine;
mod packages;
mod qemu;
#[cfg(feature = "soak")]
mod rounds;
mod settings;
mod started;

pub use self::{
    bridge::Bridge,
    console::{Console, Decode, plain, with_log, with_places},
    domain::{Domain, Ended},
    initramfs::static_program,
    linux::Linux,
    machine::{Machine, Ran},
    packages::Packages,
    qemu::HostPort,
    settings::{Settings, Vif},
    started::{Question, Started},
};
pub use dom0::protocol::{Ask, Asked, End, Load, Loaded, Trouble};
