#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

pub use arp;
pub use ethernet;
#[cfg(feature = "http")]
pub use http;
pub use icmp;
pub use ipv4;
pub use layer;
pub use netif;
pub use network;
#[cfg(feature = "page")]
pub use page;
pub use rt;
pub use rt_regions;
pub use tasks;
#[cfg(feature = "tcp")]
pub use tcp;
pub use udp;

mod entry;
#[cfg(any(feature = "kvm", feature = "unix", feature = "xen"))]
mod host;
mod log;

pub use rt::{Config, Error, Runtime};

cfg_if::cfg_if! {
    if #[cfg(feature = "xen")] {
        /// The platform: a guest of Xen.
        pub use rt_xen as platform;
        /// The network interface of the platform: the frontend of Xen's network devices.
        pub type Nic = netif_xen::Netfront<&'static rt_xen::Domain>;
    } else if #[cfg(feature = "kvm")] {
        /// The platform: a guest of KVM.
        pub use rt_kvm as platform;
        /// The network interface of the platform: a virtio device.
        pub use netif_virtio::KvmNet as Nic;
    } else if #[cfg(feature = "unix")] {
        /// The platform: a Linux process.
        pub use rt_unix as platform;
        /// The network interface of the platform: a TAP device.
        pub use netif_tap::Tap as Nic;
    }
}

#[cfg(all(feature = "tcp", any(feature = "kvm", feature = "unix", feature = "xen")))]
pub use self::host::{TcpHost, host_with_tcp};
#[cfg(any(feature = "kvm", feature = "unix", feature = "xen"))]
pub use self::{
    host::{Host, host},
    platform::Rt,
};

/// Items for the macros of this crate.
#[doc(hidden)]
pub mod private {
    #[cfg(feature = "log")]
    pub use defmt;
}
