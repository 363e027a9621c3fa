//! The interface of a guest that runs on Xen.

#[cfg(feature = "cores")]
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use netif::Capture;
use rt::{Config, Runtime};
use rt_regions::Region;
#[cfg(feature = "cores")]
use rt_xen::CoreGuest;
use rt_xen::{Domain, Rt};

use crate::Netfront;
#[cfg(feature = "cores")]
use crate::{Pairs, Queues, netfront};

/// The queues of a core of a guest of Xen that does not have the device.
#[cfg(feature = "cores")]
pub type XenQueues = Queues<&'static CoreGuest>;

/// What the cores share of the device; null until the first core has opened it, or if it has one queue for all.
#[cfg(feature = "cores")]
static PAIRS: AtomicPtr<Pairs> = AtomicPtr::new(ptr::null_mut());

/// The interface of the guest that runs here, with the recorder of its runtime.
type Opened = Capture<Netfront<&'static Domain>, <Rt as Runtime>::Recorder>;

impl Netfront<&'static Domain> {
    /// Opens the network device that the arguments name, see [`configured`](Self::configured), for the guest that runs
    /// here. Its frames are shown to the runtime's recorder.
    ///
    /// # Errors
    /// See [`Error`](crate::Error) (status 1; an argument that is not a number: status 2).
    // Inlined, so that it is compiled in the program like the rest of the interface, and only once.
    #[inline]
    pub fn open(runtime: &mut Rt, config: &Config) -> Result<Opened, rt::Error> {
        let recorder = runtime.recorder()?;
        #[cfg(feature = "cores")]
        let cores = runtime.core().count();
        #[cfg(not(feature = "cores"))]
        let cores = 1;
        Self::of_guest(runtime.guest(), config, runtime.memory(), cores)
            .map(|netfront| Capture::new(netfront, recorder))
    }

    /// Opens the network device that the arguments name, see [`configured`](Self::configured), on the first of so many `cores`.
    ///
    /// # Errors
    /// See [`Error`](crate::Error) (status 1; an argument that is not a number: status 2).
    #[inline]
    pub fn of_guest(
        guest: &'static Domain,
        config: &Config,
        memory: &'static Region<'static>,
        cores: usize,
    ) -> Result<Self, rt::Error> {
        #[cfg(feature = "cores")]
        if cores > 1 && guest.may_have_queues() {
            let number = netfront::number(config)?;
            let Config { mac, offloads, .. } = *config;
            let pairs = Pairs::new(cores, memory).map_err(crate::Error::from)?;
            let opened = Self::attach_for_cores(guest, number, mac, offloads, memory, pairs)?;
            PAIRS.store(ptr::from_ref(pairs).cast_mut(), Ordering::Release);
            return Ok(opened);
        }
        #[cfg(not(feature = "cores"))]
        let _ = cores;
        Self::configured(guest, config, memory)
    }

    /// The queues that a core other than the first has at the device, by the number of the core from 1 on. `None` if there are none:
    /// then the first core asks for one queue.
    #[cfg(feature = "cores")]
    pub fn queues(
        guest: Option<&'static CoreGuest>,
        config: &Config,
        memory: &'static Region<'static>,
        core: usize,
    ) -> Option<XenQueues> {
        // SAFETY: null, or from the reference that the first core has had, which lives as long as the guest.
        let pairs = unsafe { PAIRS.load(Ordering::Acquire).as_ref() }?;
        let Some(guest) = guest else {
            pairs.refuse();
            return None;
        };
        Queues::new(core, guest, config.offloads, memory, pairs).ok()?
    }
}
