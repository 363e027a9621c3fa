//! Where each register is: in memory (virtio 1.2, 4.2.2), and on the PCI bus (`struct virtio_pci_common_cfg`, 4.1.4.3).

/// A register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register {
    /// Its distance from the first, in bytes: a multiple of its size.
    pub(super) at: u8,
    /// How many bytes it has: 1, 2 or 4.
    pub(super) size: u8,
}

/// The registers that both kinds of devices have. Those of 64 bits are two.
#[derive(Debug)]
pub(super) struct Layout {
    /// Only in memory.
    pub(super) version: Option<Register>,
    pub(super) device_feature_select: Register,
    pub(super) device_feature: Register,
    pub(super) driver_feature_select: Register,
    pub(super) driver_feature: Register,
    pub(super) device_status: Register,
    pub(super) config_generation: Register,
    pub(super) queue_select: Register,
    pub(super) queue_size_max: Register,
    pub(super) queue_size: Register,
    pub(super) queue_enable: Register,
    /// Only on the PCI bus.
    pub(super) queue_notify_off: Option<Register>,
    pub(super) queue_desc: Register,
    pub(super) queue_driver: Register,
    pub(super) queue_device: Register,
    /// Only on the PCI bus: `config_msix_vector` and `queue_msix_vector`.
    pub(super) vectors: Option<[Register; 2]>,
    /// How many bytes a notification has.
    pub(super) notification: u8,
}

const fn at(at: u8, size: u8) -> Register {
    assert!(at.is_multiple_of(size));
    Register { at, size }
}

/// The version of a device that is no legacy device.
pub(super) const VERSION: u32 = 2;
/// Where all queues of a device in memory are notified.
pub(super) const MMIO_NOTIFY: usize = 0x50;
/// How many bytes are before the configuration.
pub(super) const MMIO_SIZE: usize = 0x100;
/// How many bytes the common registers on the PCI bus have.
pub(crate) const PCI_SIZE: u32 = 56;

/// In memory.
pub(super) static MMIO: Layout = Layout {
    version: Some(at(4, 4)),
    device_feature_select: at(0x14, 4),
    device_feature: at(0x10, 4),
    driver_feature_select: at(0x24, 4),
    driver_feature: at(0x20, 4),
    device_status: at(0x70, 4),
    config_generation: at(0xfc, 4),
    queue_select: at(0x30, 4),
    queue_size_max: at(0x34, 4),
    queue_size: at(0x38, 4),
    queue_enable: at(0x44, 4),
    queue_notify_off: None,
    queue_desc: at(0x80, 4),
    queue_driver: at(0x90, 4),
    queue_device: at(0xa0, 4),
    vectors: None,
    notification: 4,
};

/// On the PCI bus.
pub(super) static PCI: Layout = Layout {
    version: None,
    device_feature_select: at(0, 4),
    device_feature: at(4, 4),
    driver_feature_select: at(8, 4),
    driver_feature: at(12, 4),
    device_status: at(20, 1),
    config_generation: at(21, 1),
    queue_select: at(22, 2),
    queue_size_max: at(24, 2),
    queue_size: at(24, 2),
    queue_enable: at(28, 2),
    queue_notify_off: Some(at(30, 2)),
    queue_desc: at(32, 4),
    queue_driver: at(40, 4),
    queue_device: at(48, 4),
    vectors: Some([at(16, 2), at(26, 2)]),
    notification: 2,
};
