//! The interface of a guest that runs on KVM.

use core::ptr::NonNull;
#[cfg(feature = "cores")]
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use layer::Instant;
use netif::Capture;
use rt::{Config, Runtime};
use rt_kvm::{Event, Rt, VirtioTransport};
use rt_regions::{Pool, Region};

use crate::{Access, Guest, VirtioNet, segments::SEGMENTS};
#[cfg(feature = "cores")]
use crate::{OtherCore, Pairs, Queues};

/// The interface of a guest of KVM: a device with registers in memory, or on the PCI bus.
pub type KvmNet = VirtioNet<VirtioTransport, &'static rt_kvm::Guest>;

/// The queues of a core of a guest of KVM that does not have the device.
#[cfg(feature = "cores")]
pub type KvmQueues = Queues<&'static rt_kvm::Guest>;

/// What the cores share of the device; null until the first core has opened it.
#[cfg(feature = "cores")]
static PAIRS: AtomicPtr<Pairs> = AtomicPtr::new(ptr::null_mut());

/// The interface of the guest that runs here, with the recorder of its runtime.
type Opened = Capture<KvmNet, <Rt as Runtime>::Recorder>;

/// The largest number of a device.
const LARGEST_NUMBER: u64 = u16::MAX as u64;

impl KvmNet {
    /// Opens the network device that the arguments name, see [`configured`](Self::configured), for the guest that runs
    /// here. Its frames are shown to the runtime's recorder.
    ///
    /// # Errors
    /// Those of [`configured`](Self::configured).
    // Inlined, so that it is compiled in the program like the rest of the interface, and only once.
    #[inline]
    pub fn open(runtime: &mut Rt, config: &Config) -> Result<Opened, rt::Error> {
        let recorder = runtime.recorder()?;
        #[cfg(feature = "cores")]
        let cores = runtime.core().count();
        #[cfg(not(feature = "cores"))]
        let cores = 1;
        Self::configured(runtime.guest(), config, runtime.memory(), cores)
            .map(|netif| Capture::new(netif, recorder))
    }

    /// The queues that a core other than the first has at the device, by the number of the core from 1 on. `None` if there are none: the
    /// device cannot interrupt it, or the cores have too little memory.
    #[cfg(feature = "cores")]
    pub fn queues(
        guest: &'static rt_kvm::Guest,
        config: &Config,
        memory: &'static Region<'static>,
        core: usize,
    ) -> Option<KvmQueues> {
        // SAFETY: null, or from the reference that the first core has had, which lives as long as the guest.
        let pairs = unsafe { PAIRS.load(Ordering::Acquire).as_ref() }?;
        guest
            .take_queues(core)
            .then(|| Queues::new(core, guest, config.offloads, memory, pairs).ok())??
    }

    /// Opens the network device that the arguments name by its number (`--interface=0`), or the first device, of `guest`. The
    /// hardware address is that of `--mac`, or the device's own. Buffers come from the guest's pool, and their tables from
    /// `memory`. It is for the first of so many `cores`.
    ///
    /// # Errors
    /// There is no such device; see [`Error`](crate::Error) (status 1). Status 2 for an argument that is not a number, or
    /// for `--offloads=on` without the feature `segmentation`.
    #[inline]
    pub fn configured(
        guest: &'static rt_kvm::Guest,
        config: &Config,
        memory: &'static Region<'static>,
        cores: usize,
    ) -> Result<Self, rt::Error> {
        let transport = transport(guest, config)?;
        #[cfg(feature = "cores")]
        if cores > 1 && guest.may_have_queues() {
            let Config { mac, offloads, .. } = *config;
            let pairs = Pairs::new(cores, memory).map_err(crate::Error::from)?;
            let opened = Self::attach_for_cores(transport, guest, mac, offloads, memory, pairs)?;
            PAIRS.store(ptr::from_ref(pairs).cast_mut(), Ordering::Release);
            return Ok(opened);
        }
        #[cfg(not(feature = "cores"))]
        let _ = cores;
        Ok(Self::attach_with(transport, guest, config.mac, config.offloads, memory)?)
    }
}

/// The registers of the device that the arguments name.
#[inline(never)]
fn transport(guest: &'static rt_kvm::Guest, config: &Config) -> Result<VirtioTransport, rt::Error> {
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
    // SAFETY: the driver gives it pages of its own, of which it takes none back before the device has given it back or was
    // reset.
    unsafe { guest.take_network_device(number as usize) }?.ok_or_else(|| {
        rt::Error::new(
            1,
            format_args!(
                "there is no network device {number}; with QEMU: -netdev tap,id=net0,... -device \
                 virtio-net-pci,netdev=net0 (microvm: virtio-net-device)"
            ),
        )
    })
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

#[cfg(feature = "cores")]
impl OtherCore for rt_kvm::Guest {
    #[inline]
    fn notify(&self, queue: u16) {
        self.notify(queue);
    }

    fn wake_first(&self) {
        self.wake_first();
    }
}
