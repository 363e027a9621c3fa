//! The interface of a guest with several processors, whose device the first core has.

use netif::Capture;
use rt::{Config, Error, Runtime};
use rt_guest::Rt;
use steer::Steer;

use crate::Device;

/// The device, with the recorder of the runtime.
type Recorded = Capture<Device, <Rt as Runtime>::Recorder>;

cfg_if::cfg_if! {
    if #[cfg(all(feature = "kvm", feature = "xen"))] {
        use crate::DeviceQueues as Queues;

        fn queues(runtime: &Rt, config: &Config) -> Option<Queues> {
            Device::queues(runtime, config)
        }
    } else if #[cfg(feature = "kvm")] {
        use netif_virtio::KvmQueues as Queues;

        fn queues(runtime: &Rt, config: &Config) -> Option<Queues> {
            Device::queues(runtime.guest(), config, runtime.memory(), runtime.core().index())
        }
    } else {
        type Queues = steer::NoQueues<Recorded>;

        /// A device of Xen has none.
        fn queues(_: &Rt, _: &Config) -> Option<Queues> {
            None
        }
    }
}

/// The interface that [`Nic::open`] opens: the device, with the recorder of the runtime, or the way to the core that has it, with the
/// queues that the device has for this core.
pub type Opened = Steer<Recorded, Queues>;

/// The interface of a guest, of each of its cores.
#[derive(Debug)]
pub enum Nic {}

impl Nic {
    /// Opens the network device that the arguments name by its number (`--interface=0`), or the first device, for the guest that
    /// runs here, on its first core. On another core, it is the way to that.
    ///
    /// # Errors
    /// Those of the device; and the rings between the cores are too short for its frames (status 1).
    // Inlined, so that it is compiled in the program like the rest of the interface, and only once.
    #[inline]
    pub fn open(runtime: &mut Rt, config: &Config) -> Result<Opened, Error> {
        let core = runtime.core();
        let steered = match core.is_first() {
            true => Steer::first(Device::open(runtime, config)?, core),
            false => Steer::other(core, runtime.bell_event(), queues(runtime, config)),
        };
        steered.map_err(|error| Error::new(1, error))
    }
}
