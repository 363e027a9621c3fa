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
mod carry;
mod clock;
mod console;
mod crowd;
mod domain;
mod initramfs;
mod leftovers;
mod linux;
mod log;
mod machine;
mod memory;
mod packages;
mod pools;
mod qemu;
mod room;
#[cfg(feature = "soak")]
mod rounds;
mod settings;
mod started;

pub(crate) use self::initramfs::of_kvm as initramfs_of_kvm;
pub use self::{
    bridge::Bridge,
    console::Console,
    crowd::{Crowd, Manner},
    domain::{Domain, Ended},
    initramfs::static_program,
    linux::Linux,
    machine::{Machine, Ran},
    memory::{Dom0Memory, kib},
    packages::Packages,
    pools::Pools,
    qemu::HostPort,
    settings::{Settings, Vif, XlGuest, xl_settings},
    started::{Question, Started},
};
pub use crate::decode::{Decode, plain, with_log, with_places};
pub use dom0::protocol::{Ask, Asked, End, Load, Loaded, Trouble};
