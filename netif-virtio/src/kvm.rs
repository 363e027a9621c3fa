//! The interface of a guest that runs on KVM.

use core::ptr::NonNull;

use layer::Instant;
use netif::Capture;
use rt::{Config, Runtime};
use rt_kvm::{Event, Rt};
use rt_regions::Pool;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};

use crate::{Access, Guest, VirtioNet, segments::SEGMENTS};

/// The interface of a guest of KVM: a device with registers in memory.
pub type KvmNet = VirtioNet<MmioTransport<'static>, &'static rt_kvm::Guest>;

/// The interface of the guest that runs here, with the recorder of its runtime.
type Opened = Capture<KvmNet, <Rt as Runtime>::Recorder>;

/// The largest number of a device.
const LARGEST_NUMBER: u64 = u16::MAX as u64;

impl KvmNet {
    /// Opens the network device that the arguments name by its number (`--interface=0`), or the first device, for the
    /// guest that runs here. The hardware address is that of `--mac`, or the device's own. Its frames are shown to the
    /// runtime's recorder.
    ///
    /// # Errors
    /// There is no such device; see [`Error`](crate::Error) (status 1). Status 2 for an argument that is not a number, or
    /// for `--offloads=on` without the feature `segmentation`.
    // Inlined, so that it is compiled in the program like the rest of the interface, and only once.
    #[inline]
    pub fn open(runtime: &mut Rt, config: &Config) -> Result<Opened, rt::Error> {
        let recorder = runtime.recorder()?;
        let transport = transport(runtime.guest(), config)?;
        let (mac, offloads) = (config.mac, config.offloads);
        let netif = Self::attach_with(transport, runtime.guest(), mac, offloads, runtime.memory())?;
        Ok(Capture::new(netif, recorder))
    }
}

/// The registers of the device that the arguments name.
#[inline(never)]
fn transport(
    guest: &'static rt_kvm::Guest,
    config: &Config,
) -> Result<MmioTransport<'static>, rt::Error> {
    if config.offloads && !SEGMENTS {
        return Err(rt::Error::new(2, "--offloads=on: not in this image"));
    }
    let number = match config.interface {
        None => 0,
        Some(name) => layer::decimal(name.as_bytes(), LARGEST_NUMBER).ok_or_else(|| {
            let expected = "the number of a network device: 0";
            rt::Error::new(2, format_args!("--interface={name}: expected {expected}"))
        })?,
    };
    let device = guest.take_network_device(number as usize)?;
    let registers = device.as_ref().and_then(|device| NonNull::new(device.registers()));
    let (Some(device), Some(registers)) = (device, registers) else {
        let missing = format_args!(
            "there is no network device {number}; with QEMU's microvm: -netdev tap,id=net0,... \
             -device virtio-net-device,netdev=net0"
        );
        return Err(rt::Error::new(1, missing));
    };
    // SAFETY: the registers are those of a virtio device, mapped as long as the guest runs, as many as the size says, and
    // the device was handed out to us alone. The guest uses the two registers of interrupts beside us, which no method of
    // the transport that the driver calls writes.
    let transport = unsafe { MmioTransport::new(registers.cast::<VirtIOHeader>(), device.size()) };
    transport.map_err(|error| rt::Error::new(1, format_args!("network device {number}: {error}")))
}

// SAFETY: a guest of KVM has no IOMMU: the device reaches a page at its physical address, which is the address of the guest
// too. The device reaches all other pages as well, and is trusted not to.
unsafe impl Guest for rt_kvm::Guest {
    type Event = Event;

    fn event(&self) -> Event {
        Event
    }

    #[inline]
    fn now(&self) -> Instant {
        self.now()
    }

    fn sleep(&self, deadline: Instant) {
        self.sleep(Some(deadline));
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool()
    }

    #[inline]
    unsafe fn share(&self, page: NonNull<u8>, _: Access) -> u64 {
        page.expose_provenance().get() as u64
    }

    #[inline]
    fn unshare(&self, _: NonNull<u8>) {}

    #[inline]
    fn config_changed(&self) -> bool {
        self.config_changed()
    }
}
