#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(all(any(feature = "kvm", feature = "xen"), feature = "cores"))]
mod steered;

cfg_if::cfg_if! {
    if #[cfg(all(feature = "kvm", feature = "xen"))] {
        mod error;
        mod nic;

        pub use error::Error;
        pub use nic::Device;
        #[cfg(feature = "cores")]
        pub use nic::DeviceQueues;
    } else if #[cfg(feature = "xen")] {
        /// The network device of a guest of Xen.
        pub type Device = netif_xen::Netfront<&'static rt_xen::Domain>;
    } else if #[cfg(feature = "kvm")] {
        pub use netif_virtio::KvmNet as Device;
    }
}

cfg_if::cfg_if! {
    if #[cfg(not(any(feature = "kvm", feature = "xen")))] {
    } else if #[cfg(feature = "cores")] {
        pub use steered::{Nic, Opened};
    } else {
        pub use Device as Nic;

        /// The interface that [`Nic::open`] opens: the device, with the recorder of the runtime.
        pub type Opened = netif::Capture<Device, <rt_guest::Rt as rt::Runtime>::Recorder>;
    }
}
