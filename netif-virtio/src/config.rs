//! The configuration of a network device (`struct virtio_net_config`, virtio 1.2, 5.1.4), as the device says it now.

use netif::MacAddr;
use virtio_drivers::{Result, transport::Transport};

use crate::DeviceError;

/// The position of `status`, in bytes. The hardware address is before it, at 0.
const STATUS: usize = 6;
/// The position of `max_virtqueue_pairs`, in bytes.
#[cfg(feature = "cores")]
const PAIRS: usize = 8;
/// The position of `mtu`, in bytes.
const MTU: usize = 10;

/// `VIRTIO_NET_S_LINK_UP`.
const LINK_UP: u16 = 1;

/// How often the configuration is read until it has not changed meanwhile.
const READS: usize = 16;

/// Reads several fields as they were at one moment (2.5.1): with the same generation before and after.
///
/// # Errors
/// The device has no such field, or never stops changing them.
fn read<T: Transport, R>(
    transport: &T,
    fields: impl Fn(&T) -> Result<R>,
) -> core::result::Result<R, DeviceError> {
    for _ in 0..READS {
        let before = transport.read_config_generation();
        let fields = fields(transport);
        if transport.read_config_generation() == before {
            return fields.map_err(|_| DeviceError::NoConfiguration);
        }
    }
    Err(DeviceError::UnstableConfiguration)
}

/// The hardware address.
///
/// # Errors
/// It cannot be read.
pub(crate) fn mac(transport: &impl Transport) -> core::result::Result<MacAddr, DeviceError> {
    read(transport, |transport| {
        let mut octets = [0; 6];
        for (at, octet) in octets.iter_mut().enumerate() {
            // Byte by byte: each access has the width of its field (4.1.3.1, 4.2.2.2).
            *octet = transport.read_config_space::<u8>(at)?;
        }
        Ok(MacAddr(octets))
    })
}

/// Whether the link is up.
///
/// # Errors
/// It cannot be read.
pub(crate) fn link_up(transport: &impl Transport) -> core::result::Result<bool, DeviceError> {
    let status = read(transport, |transport| transport.read_config_space::<u16>(STATUS))?;
    Ok(u16::from_le(status) & LINK_UP != 0)
}

/// The MTU in bytes.
///
/// # Errors
/// It cannot be read.
pub(crate) fn mtu(transport: &impl Transport) -> core::result::Result<u16, DeviceError> {
    read(transport, |transport| transport.read_config_space::<u16>(MTU)).map(u16::from_le)
}

/// How many pairs of queues the device has at most.
///
/// # Errors
/// It cannot be read.
#[cfg(feature = "cores")]
pub(crate) fn pairs(transport: &impl Transport) -> core::result::Result<u16, DeviceError> {
    read(transport, |transport| transport.read_config_space::<u16>(PAIRS)).map(u16::from_le)
}
