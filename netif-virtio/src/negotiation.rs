//! The initialisation of a device (virtio 1.2, 3.1.1), up to the features and what the device says of itself.

use core::{hint, time::Duration};

use layer::IPV4_MIN_MTU;
use netif::MacAddr;
use rt_regions::PAGE_SIZE;
use virtio_drivers::transport::{DeviceStatus, DeviceType, Transport};

#[cfg(feature = "cores")]
use crate::features::SEVERAL;
use crate::{
    DeviceError, Guest, config,
    features::{self, MAC, MRG_RXBUF, MTU, VERSION_1},
    header::{HEADER, LARGEST_ETHERNET},
    queue::MAX_SIZE,
};

/// The number of the queue of received frames.
pub(crate) const RX: u16 = 0;
/// The number of the queue of frames to send.
pub(crate) const TX: u16 = 1;

/// The MTU of a device that says none.
const DEFAULT_MTU: usize = 1500;

/// The largest MTU: a frame of it has 65,535 bytes with the largest Ethernet header.
const LARGEST_MTU: usize = 65_535 - LARGEST_ETHERNET;

/// The largest MTU if a frame is in one buffer, which is a page.
const ONE_PAGE_MTU: usize = PAGE_SIZE - HEADER - LARGEST_ETHERNET;

/// The smallest number of entries of a queue: the longest frame takes 17 at once.
const MIN_SIZE: u32 = 32;

/// The largest number of entries that a queue can have (2.7).
const LARGEST_SIZE: u32 = 32_768;

/// How long a device may take to confirm a reset.
const RESET_TIMEOUT: Duration = Duration::from_millis(100);

/// What was agreed with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// See [`features`].
    pub(crate) features: u64,
    pub(crate) mac: Option<MacAddr>,
    /// The MTU in bytes.
    pub(crate) mtu: usize,
    /// The number of entries of each queue of the first pair.
    pub(crate) sizes: [u16; 2],
    /// How many pairs of queues the device has at most.
    #[cfg(feature = "cores")]
    pub(crate) pairs: u16,
}

/// What is asked of a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    /// Work on frames.
    pub(crate) offloads: bool,
    /// A hardware address: without one it cannot be used.
    pub(crate) mac: bool,
    /// So many pairs of queues, if it has them.
    #[cfg(feature = "cores")]
    pub(crate) pairs: usize,
}

impl Agreed {
    pub(crate) fn has(&self, feature: u64) -> bool {
        self.features & feature != 0
    }
}

/// Adds bits to the status of the device.
pub(crate) fn add_status(transport: &mut impl Transport, bits: DeviceStatus) {
    let status = transport.get_status();
    transport.set_status(status | bits);
}

/// Resets the device, and waits until it confirms that: then it uses no memory of ours any more.
///
/// # Errors
/// It does not confirm the reset in time.
pub(crate) fn reset(transport: &mut impl Transport, guest: &impl Guest) -> Result<(), DeviceError> {
    transport.set_status(DeviceStatus::empty());
    let deadline = guest.now() + RESET_TIMEOUT;
    loop {
        let status = transport.get_status();
        if status.is_empty() {
            return Ok(());
        }
        if guest.now() >= deadline {
            return Err(DeviceError::NoReset(status.bits() as u8));
        }
        hint::spin_loop();
    }
}

/// Agrees on features with a device that was reset.
///
/// # Errors
/// The device is not one that this driver can use.
pub(crate) fn negotiate(
    transport: &mut impl Transport,
    wants: Wants,
) -> Result<Agreed, DeviceError> {
    if transport.device_type() != DeviceType::Network {
        return Err(DeviceError::NotNetwork);
    }
    if transport.requires_legacy_layout() {
        return Err(DeviceError::Legacy);
    }
    add_status(transport, DeviceStatus::ACKNOWLEDGE);
    add_status(transport, DeviceStatus::DRIVER);
    let offered = transport.read_device_features();
    let mut features = features::accept(offered, wants.offloads);
    if features & VERSION_1 == 0 {
        return Err(DeviceError::Legacy);
    }
    // The configuration may be read before the features are agreed on (3.1.1).
    let mac = match features & MAC != 0 {
        true => Some(config::mac(transport)?),
        false => None,
    };
    match mac {
        None if wants.mac => return Err(DeviceError::NoMac),
        Some(mac) if wants.mac && !mac.is_station() => return Err(DeviceError::Mac(mac)),
        _ => {}
    }
    let mut mtu = DEFAULT_MTU;
    if features & MTU != 0 {
        let told = config::mtu(transport)?;
        mtu = usize::from(told);
        if !(IPV4_MIN_MTU..=LARGEST_MTU).contains(&mtu) {
            return Err(DeviceError::Mtu(told));
        }
        if features & MRG_RXBUF == 0 && mtu > ONE_PAGE_MTU {
            // A driver that accepts an MTU must have buffers for it (5.1.4.2).
            features &= !MTU;
            mtu = ONE_PAGE_MTU;
        }
    }
    #[cfg(feature = "cores")]
    let mut pairs = 1;
    #[cfg(feature = "cores")]
    if wants.pairs > 1 && offered & SEVERAL == SEVERAL {
        pairs = config::pairs(transport)?;
        if usize::from(pairs) >= wants.pairs {
            features |= SEVERAL;
        }
    }
    transport.write_driver_features(features);
    add_status(transport, DeviceStatus::FEATURES_OK);
    if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
        return Err(DeviceError::FeaturesRefused);
    }
    let sizes = [queue_size(transport, RX)?, queue_size(transport, TX)?];
    Ok(Agreed {
        features,
        mac,
        mtu,
        sizes,
        #[cfg(feature = "cores")]
        pairs,
    })
}

/// How many entries of a queue are used.
fn queue_size(transport: &mut impl Transport, queue: u16) -> Result<u16, DeviceError> {
    let size = transport.max_queue_size(queue);
    if !(MIN_SIZE..=LARGEST_SIZE).contains(&size) || !size.is_power_of_two() {
        return Err(DeviceError::QueueSize(queue, size));
    }
    Ok(size.min(MAX_SIZE.into()) as u16)
}
