#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

pub use arp;
#[cfg(feature = "cores")]
pub use cores;
#[cfg(feature = "dhcp")]
pub use dhcp;
#[cfg(feature = "dns")]
pub use dns;
pub use ethernet;
#[cfg(feature = "http")]
pub use http;
#[cfg(feature = "cores")]
pub use hub;
pub use icmp;
#[cfg(feature = "ipv6")]
pub use icmpv6;
pub use internet;
#[cfg(feature = "ipv6")]
pub use ip;
pub use ipv4;
#[cfg(feature = "ipv6")]
pub use ipv6;
pub use layer;
#[cfg(feature = "cores")]
pub use messages;
#[cfg(feature = "ipv6")]
pub use ndp;
pub use netif;
pub use network;
#[cfg(feature = "page")]
pub use page;
pub use rt;
pub use rt_regions;
#[cfg(feature = "cores")]
pub use share;
#[cfg(feature = "ntp")]
pub use sntp;
pub use tasks;
#[cfg(feature = "tcp")]
pub use tcp;
pub use udp;

mod entry;
#[cfg(any(feature = "kvm", feature = "unix", feature = "xen"))]
mod host;
mod log;
#[cfg(all(
    any(feature = "dns", feature = "ntp"),
    any(feature = "kvm", feature = "unix", feature = "xen")
))]
mod net;

pub use rt::{Config, Error, Runtime};

cfg_if::cfg_if! {
    if #[cfg(any(feature = "kvm", feature = "xen"))] {
        /// The platform: a guest of Xen, of KVM, or of whichever it is started on.
        pub use rt_guest as platform;
        /// The network interface of the platform: the frontend of Xen's network devices, or a virtio device.
        pub use netif_guest::Nic;

        pub(crate) use netif_guest::Opened;
    } else if #[cfg(feature = "unix")] {
        /// The platform: a Linux process.
        pub use rt_unix as platform;
        /// The network interface of the platform: a TAP device.
        pub use netif_tap::Tap as Nic;

        /// The interface that is opened, with the recorder of the runtime.
        pub(crate) type Opened = netif::Capture<Nic, <Rt as Runtime>::Recorder>;
    }
}

#[cfg(all(feature = "tcp", any(feature = "kvm", feature = "unix", feature = "xen")))]
pub use self::host::{TcpHost, host_with_tcp};
#[cfg(all(feature = "dns", any(feature = "kvm", feature = "unix", feature = "xen")))]
pub use self::net::NotConnected;
#[cfg(all(
    any(feature = "dns", feature = "ntp"),
    any(feature = "kvm", feature = "unix", feature = "xen")
))]
pub use self::net::{Net, NetHost, host_with_net};
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
