//! The registers of a simulated device, as a transport of virtio shows them.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use virtio_drivers::{
    Error, PhysAddr, Result,
    transport::{DeviceStatus, DeviceType, InterruptStatus, Transport},
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::ring::Places;

pub const DRIVER_OK: u32 = 4;
pub const FEATURES_OK: u32 = 8;
pub const NEEDS_RESET: u32 = 64;
pub const FAILED: u32 = 128;

pub mod feature {
    pub const CSUM: u64 = 1;
    pub const GUEST_CSUM: u64 = 1 << 1;
    pub const MTU: u64 = 1 << 3;
    pub const MAC: u64 = 1 << 5;
    pub const GUEST_TSO4: u64 = 1 << 7;
    pub const GUEST_TSO6: u64 = 1 << 8;
    pub const HOST_TSO4: u64 = 1 << 11;
    pub const HOST_TSO6: u64 = 1 << 12;
    pub const MRG_RXBUF: u64 = 1 << 15;
    pub const STATUS: u64 = 1 << 16;
    /// `CTRL_VQ` and `MQ`.
    pub const SEVERAL: u64 = 1 << 17 | 1 << 22;
    pub const INDIRECT: u64 = 1 << 28;
    pub const EVENT_IDX: u64 = 1 << 29;
    pub const VERSION_1: u64 = 1 << 32;

    /// What QEMU offers, and an MTU.
    pub const ALL: u64 = CSUM
        | GUEST_CSUM
        | MTU
        | MAC
        | GUEST_TSO4
        | GUEST_TSO6
        | HOST_TSO4
        | HOST_TSO6
        | MRG_RXBUF
        | STATUS
        | INDIRECT
        | EVENT_IDX
        | VERSION_1;
}

/// How many queues there is room for: three pairs, and that of commands.
pub const QUEUES: usize = 7;

/// Who takes a command from the queue of commands.
pub type Commanded = Box<dyn FnMut(Places)>;

/// What the registers hold, and how the device behaves at them.
pub struct Registers {
    pub device_type: DeviceType,
    pub is_legacy: bool,
    pub offered: u64,
    pub accepted: u64,
    /// Whether the features are accepted.
    pub agrees: bool,
    pub status: u32,
    /// What the driver wrote last.
    pub driver_status: u32,
    /// What the status becomes when the driver is ready.
    pub status_when_ready: u32,
    pub config: [u8; 12],
    /// How many bytes of the configuration there are.
    pub config_size: usize,
    pub generation: Cell<u32>,
    /// How often the generation will change while it is read.
    pub restless: Cell<u32>,
    /// The sizes of the queues of each pair.
    pub sizes: [u32; 2],
    /// That of the queue of commands.
    pub command_size: u32,
    pub queues: [Option<Places>; QUEUES],
    /// Called when the queue of commands was notified.
    pub commanded: Option<Commanded>,
    /// Whether a reset is confirmed.
    pub resets: bool,
    /// Whether it is gone: all registers are ones.
    pub is_gone: bool,
    /// How often each queue was notified since this was last taken.
    pub notified: [u64; QUEUES],
    pub notifications: u64,
    /// How often it was reset.
    pub reset_count: u64,
    /// Whether the transport was dropped.
    pub is_dropped: bool,
}

impl Default for Registers {
    fn default() -> Self {
        let mut registers = Self {
            device_type: DeviceType::Network,
            is_legacy: false,
            offered: feature::ALL & !feature::MTU,
            accepted: 0,
            agrees: true,
            status: 0,
            driver_status: 0,
            status_when_ready: 0,
            config: [0; 12],
            config_size: 12,
            generation: Cell::new(7),
            restless: Cell::new(0),
            sizes: [256; 2],
            command_size: 64,
            queues: [None; QUEUES],
            commanded: None,
            resets: true,
            is_gone: false,
            notified: [0; QUEUES],
            notifications: 0,
            reset_count: 0,
            is_dropped: false,
        };
        registers.set_mac([0x52, 0x54, 0, 0, 0, 7]);
        registers.set_link(true);
        registers.set_mtu(1500);
        registers
    }
}

impl Registers {
    pub fn set_mac(&mut self, mac: [u8; 6]) {
        self.config[..6].copy_from_slice(&mac);
    }

    pub fn set_link(&mut self, is_up: bool) {
        self.config[6..8].copy_from_slice(&u16::from(is_up).to_le_bytes());
    }

    pub fn set_mtu(&mut self, mtu: u16) {
        self.config[10..12].copy_from_slice(&mtu.to_le_bytes());
    }

    /// How many pairs of queues it says that it has.
    pub fn set_pairs(&mut self, pairs: u16) {
        self.config[8..10].copy_from_slice(&pairs.to_le_bytes());
    }

    fn pairs(&self) -> u16 {
        u16::from_le_bytes([self.config[8], self.config[9]])
    }

    /// The size of a queue; 0 if there is none.
    fn size(&self, queue: u16) -> u32 {
        match queue {
            0 | 1 => self.sizes[usize::from(queue)],
            _ if self.offered & feature::SEVERAL == 0 => 0,
            _ if queue < 2 * self.pairs() => self.sizes[usize::from(queue % 2)],
            _ if queue == 2 * self.pairs() => self.command_size,
            _ => 0,
        }
    }

    /// A queue was notified.
    pub fn notify(&mut self, queue: u16) {
        assert!(self.driver_status & DRIVER_OK != 0, "too early (3.1.1)");
        self.notified[usize::from(queue)] += 1;
        self.notifications += 1;
    }

    pub fn has(&self, feature: u64) -> bool {
        self.accepted & feature != 0
    }

    pub fn is_ready(&self) -> bool {
        self.status & DRIVER_OK != 0 && self.status & NEEDS_RESET == 0 && !self.is_gone
    }
}

/// The transport; the registers are shared with the device.
pub struct SimulatedTransport(pub Rc<RefCell<Registers>>);

impl Transport for SimulatedTransport {
    fn device_type(&self) -> DeviceType {
        self.0.borrow().device_type
    }

    fn read_device_features(&mut self) -> u64 {
        if self.0.borrow().is_gone { u64::MAX } else { self.0.borrow().offered }
    }

    fn write_driver_features(&mut self, driver_features: u64) {
        let mut registers = self.0.borrow_mut();
        assert_eq!(driver_features & !registers.offered, 0, "a feature that was not offered");
        assert_eq!(registers.status & FEATURES_OK, 0, "the features are agreed on");
        registers.accepted = driver_features;
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.0.borrow().size(queue)
    }

    fn notify(&mut self, queue: u16) {
        let mut registers = self.0.borrow_mut();
        registers.notify(queue);
        if registers.has(feature::SEVERAL)
            && queue == 2 * registers.pairs()
            && let Some(places) = registers.queues[usize::from(queue)]
            && let Some(mut commanded) = registers.commanded.take()
        {
            // It answers at once, while the driver waits.
            drop(registers);
            commanded(places);
            self.0.borrow_mut().commanded = Some(commanded);
        }
    }

    fn get_status(&self) -> DeviceStatus {
        let registers = self.0.borrow();
        let status = if registers.is_gone { u32::MAX } else { registers.status };
        DeviceStatus::from_bits_retain(status)
    }

    fn set_status(&mut self, status: DeviceStatus) {
        let mut registers = self.0.borrow_mut();
        let registers = &mut *registers;
        registers.driver_status = status.bits();
        if registers.is_gone {
            return;
        }
        if status.is_empty() {
            if registers.resets {
                registers.status = 0;
                registers.accepted = 0;
                registers.queues = [None; QUEUES];
                registers.notified = [0; QUEUES];
                registers.reset_count += 1;
            }
            return;
        }
        let mut bits = status.bits();
        if !registers.agrees {
            bits &= !FEATURES_OK;
        }
        if bits & DRIVER_OK != 0 && registers.status & DRIVER_OK == 0 {
            assert!(bits & FEATURES_OK != 0, "nothing was agreed on");
            bits |= registers.status_when_ready;
        }
        registers.status = bits;
    }

    fn set_guest_page_size(&mut self, _: u32) {
        panic!("of legacy devices");
    }

    fn requires_legacy_layout(&self) -> bool {
        self.0.borrow().is_legacy
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        let mut registers = self.0.borrow_mut();
        assert!(registers.status & FEATURES_OK != 0 && registers.status & DRIVER_OK == 0);
        assert_eq!((descriptors % 16, driver_area % 2, device_area % 4), (0, 0, 0), "(2.7)");
        assert!(size.is_power_of_two() && size <= registers.size(queue));
        registers.queues[usize::from(queue)] =
            Some(Places { size: size as u16, descriptors, driver_area, device_area });
    }

    fn queue_unset(&mut self, _: u16) {
        panic!("a reset is enough");
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.0.borrow().queues[usize::from(queue)].is_some()
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        panic!("the handler's");
    }

    fn read_config_generation(&self) -> u32 {
        self.0.borrow().generation.get()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let registers = self.0.borrow();
        assert!(size_of::<T>() <= 2, "a field has one or two bytes, and its access as many");
        if registers.restless.get() > 0 {
            registers.restless.set(registers.restless.get() - 1);
            registers.generation.set(registers.generation.get().wrapping_add(1));
        }
        if offset + size_of::<T>() > registers.config_size {
            return Err(Error::ConfigSpaceTooSmall);
        }
        Ok(T::read_from_bytes(&registers.config[offset..][..size_of::<T>()]).unwrap())
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        panic!("nothing there is the driver's to write");
    }
}

impl Drop for SimulatedTransport {
    fn drop(&mut self) {
        self.0.borrow_mut().is_dropped = true;
    }
}
