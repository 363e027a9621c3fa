//! The registers of a virtio device, as a transport of its driver: in memory (virtio 1.2, 4.2), or on the PCI bus (4.1).
//!
//! The transports of `virtio-drivers` are two types, and with both the code that calls them is there twice. The one for PCI
//! reads a register before each notification, which costs an exit, panics if that leads out of the device's memory, and
//! waits without end for a device that is gone when it is dropped.

pub(crate) mod layout;

use core::{
    mem::{align_of, size_of},
    ptr::{self, NonNull},
};

use virtio_drivers::{
    Error, PhysAddr, Result,
    transport::{DeviceStatus, DeviceType, InterruptStatus, Transport},
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use self::layout::{Layout, MMIO, PCI, Register};
#[cfg(feature = "cores")]
use crate::queues;

/// How many queues the core has that has the device.
const QUEUES: usize = 2;

/// A range of registers: where it begins, and how many bytes it has.
pub(crate) type Range = NonNull<[u8]>;

/// The registers of a virtio device, wherever they are, as a driver uses them. A guest hands out each once.
///
/// It checks where a queue is notified once, when the size of the queue is asked for: 0 if that is outside of the registers.
#[derive(Debug)]
pub struct VirtioTransport {
    layout: &'static Layout,
    /// INVARIANT: all registers of `layout`, mapped as long as this lives, and written by nobody else. They begin at a
    /// multiple of 4.
    common: NonNull<u8>,
    /// INVARIANT: registers that take any write, mapped as long as this lives. They begin at a multiple of the size of a
    /// notification.
    notify: Range,
    /// The distance of two notifications, in bytes.
    multiplier: u32,
    /// INVARIANT: registers that can be read, mapped as long as this lives. They begin at a multiple of 4.
    configuration: Option<Range>,
    /// Whether it is on the PCI bus and interrupts by messages.
    has_messages: bool,
    /// Where each queue is notified.
    ///
    /// INVARIANT: a notification in `notify`, at a multiple of its size.
    notifications: [Option<NonNull<u8>>; QUEUES],
}

/// The entry in the table of the messages of a device on the PCI bus (MSI-X) for used buffers of all queues.
pub(crate) const QUEUE_MESSAGE: u32 = 0;
/// The entry for changes of the configuration.
pub(crate) const CONFIGURATION_MESSAGE: u32 = 1;

impl VirtioTransport {
    /// That of a device with all its registers in memory.
    ///
    /// # Safety
    /// The registers are mapped as long as this lives, are not memory, are 256 bytes at least, begin at a multiple of 4, and are
    /// used by nobody else, except for the two of interrupts.
    pub(crate) unsafe fn mmio(registers: Range) -> Self {
        let configuration = registers.len().saturating_sub(layout::MMIO_SIZE);
        let common: NonNull<u8> = registers.cast();
        // SAFETY: as many bytes are there.
        let start = unsafe { common.add(layout::MMIO_SIZE) };
        // SAFETY: it is one of the registers.
        let notify = unsafe { common.add(layout::MMIO_NOTIFY) };
        Self {
            layout: &MMIO,
            common,
            // All queues are notified at one register.
            notify: NonNull::slice_from_raw_parts(notify, MMIO.notification.into()),
            multiplier: 0,
            configuration: Some(NonNull::slice_from_raw_parts(start, configuration)),
            has_messages: false,
            notifications: [None; QUEUES],
        }
    }

    /// That of a device on the PCI bus: the common registers, those of notifications with the distance of two of them in bytes,
    /// those of its own configuration, and whether it interrupts by messages.
    ///
    /// # Safety
    /// All registers are mapped as long as this lives, are not memory, and are used by nobody else. `common` are 56 bytes, which
    /// begin at a multiple of 4, as `configuration` does; `notify` begins at a multiple of 2.
    pub(crate) unsafe fn pci(
        common: NonNull<u8>,
        (notify, multiplier): (Range, u32),
        configuration: Option<Range>,
        has_messages: bool,
    ) -> Self {
        let (layout, notifications) = (&PCI, [None; QUEUES]);
        Self { layout, common, notify, multiplier, configuration, has_messages, notifications }
    }

    /// Reads a register.
    #[inline(never)]
    fn read(&self, register: Register) -> u32 {
        // SAFETY: a register of the layout, by the invariant of `common`.
        let place = unsafe { self.common.add(register.at.into()) };
        match register.size {
            // SAFETY: the register is mapped, and has one byte.
            1 => unsafe { ptr::read_volatile(place.as_ptr()) }.into(),
            // SAFETY: the register is mapped, has two bytes, and is at a multiple of that.
            2 => u16::from_le(unsafe { ptr::read_volatile(place.cast().as_ptr()) }).into(),
            // SAFETY: the register is mapped, has four bytes, and is at a multiple of that.
            _ => u32::from_le(unsafe { ptr::read_volatile(place.cast().as_ptr()) }),
        }
    }

    /// Writes the lower bytes of `value` to a register.
    fn write(&mut self, register: Register, value: u32) {
        // SAFETY: a register of the layout, by the invariant of `common`.
        let place = unsafe { self.common.add(register.at.into()) };
        // SAFETY: each register is at a multiple of its size, and has as many bytes.
        unsafe { write(place, register.size, value) };
    }

    /// Writes an address, in its halves (4.1.3.1).
    fn write_address(&mut self, register: Register, address: PhysAddr) {
        self.write(register, address as u32);
        self.write(Register { at: register.at + 4, ..register }, (address >> 32) as u32);
    }

    fn select(&mut self, queue: u16) {
        self.write(self.layout.queue_select, queue.into());
    }

    /// Gives a device that interrupts by messages those of `queue`, which is selected, and of its configuration, which a reset
    /// has taken. Returns whether it has taken them (4.1.5.1.2). Without messages, all interrupts come to the first core.
    fn sets_messages(&mut self, queue: u16) -> bool {
        let has_device = usize::from(queue) < QUEUES;
        let (Some([configuration, used]), true) = (self.layout.vectors, self.has_messages) else {
            return has_device;
        };
        #[cfg(feature = "cores")]
        let Some(message) = queues::entry(queue) else { return false };
        #[cfg(not(feature = "cores"))]
        let message = QUEUE_MESSAGE;
        self.write(configuration, CONFIGURATION_MESSAGE);
        self.write(used, message);
        [configuration, used].map(|register| self.read(register))
            == [CONFIGURATION_MESSAGE, message]
    }

    /// Where a notification of the queue that is selected is written; `None` if that is outside of the registers.
    fn notification(&self) -> Option<NonNull<u8>> {
        let number = self.layout.queue_notify_off.map_or(0, |register| self.read(register));
        let (size, multiplier) = (self.layout.notification.into(), u64::from(self.multiplier));
        let offset = (u64::from(number) * multiplier) as usize;
        if self.notify.len().checked_sub(size)? < offset || !offset.is_multiple_of(size) {
            return None;
        }
        // SAFETY: it is in the registers.
        Some(unsafe { self.notify.cast::<u8>().add(offset) })
    }
}

/// Writes the lower `size` bytes of `value`: 1, 2 or 4.
///
/// # Safety
/// `place` is a register of this size, at a multiple of it.
#[inline(never)]
pub(crate) unsafe fn write(place: NonNull<u8>, size: u8, value: u32) {
    match size {
        // SAFETY: a register of one byte, says the caller.
        1 => unsafe { ptr::write_volatile(place.as_ptr(), value as u8) },
        // SAFETY: a register of two bytes, at a multiple of that, says the caller.
        2 => unsafe { ptr::write_volatile(place.cast().as_ptr(), (value as u16).to_le()) },
        // SAFETY: a register of four bytes, at a multiple of that, says the caller.
        _ => unsafe { ptr::write_volatile(place.cast().as_ptr(), value.to_le()) },
    }
}

impl Transport for VirtioTransport {
    /// A transport that is handed out is that of a network device.
    fn device_type(&self) -> DeviceType {
        DeviceType::Network
    }

    fn read_device_features(&mut self) -> u64 {
        let [low, high] = [0, 1].map(|half| {
            self.write(self.layout.device_feature_select, half);
            u64::from(self.read(self.layout.device_feature))
        });
        high << 32 | low
    }

    fn write_driver_features(&mut self, features: u64) {
        for (half, bits) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.write(self.layout.driver_feature_select, half);
            self.write(self.layout.driver_feature, bits);
        }
    }

    /// 0 too if the queue could not be notified, or would not interrupt.
    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.select(queue);
        let notification = self.notification();
        if let Some(place) = self.notifications.get_mut(usize::from(queue)) {
            *place = notification;
        } else {
            #[cfg(feature = "cores")]
            // SAFETY: it is a notification of the registers of a device of the guest, which are mapped for all cores.
            unsafe {
                queues::set_notification(queue, notification, self.layout.notification);
            }
        }
        match notification.is_some() && self.sets_messages(queue) {
            true => self.read(self.layout.queue_size_max),
            false => 0,
        }
    }

    #[inline]
    fn notify(&mut self, queue: u16) {
        match self.notifications.get(usize::from(queue)) {
            // SAFETY: by the invariant it is a notification.
            Some(Some(place)) => unsafe { write(*place, self.layout.notification, queue.into()) },
            Some(None) => {}
            #[cfg(feature = "cores")]
            None => queues::notify(queue),
            #[cfg(not(feature = "cores"))]
            None => {}
        }
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(self.read(self.layout.device_status))
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.write(self.layout.device_status, status.bits());
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    /// A device in memory says so by its version (4.2.2).
    fn requires_legacy_layout(&self) -> bool {
        self.layout.version.is_some_and(|version| self.read(version) != layout::VERSION)
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        self.select(queue);
        self.write(self.layout.queue_size, size);
        self.write_address(self.layout.queue_desc, descriptors);
        self.write_address(self.layout.queue_driver, driver_area);
        self.write_address(self.layout.queue_device, device_area);
        self.write(self.layout.queue_enable, 1);
    }

    /// A queue is unset by a reset of the device alone.
    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, queue: u16) -> bool {
        self.select(queue);
        self.read(self.layout.queue_enable) == 1
    }

    /// The guest acknowledges interrupts.
    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::empty()
    }

    fn read_config_generation(&self) -> u32 {
        self.read(self.layout.config_generation)
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let registers = self.configuration.ok_or(Error::ConfigSpaceMissing)?;
        let end = offset.checked_add(size_of::<T>()).ok_or(Error::ConfigSpaceTooSmall)?;
        if end > registers.len() || !offset.is_multiple_of(align_of::<T>()) || align_of::<T>() > 4 {
            return Err(Error::ConfigSpaceTooSmall);
        }
        // SAFETY: it is in the registers.
        let place = unsafe { registers.cast::<u8>().add(offset) };
        // SAFETY: it is at a multiple of its alignment, as the registers begin at one of 4.
        Ok(unsafe { ptr::read_volatile(place.cast().as_ptr()) })
    }

    /// Nothing of the configuration of the devices that a guest uses is written.
    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        Err(Error::Unsupported)
    }
}

#[cfg(test)]
mod tests;
