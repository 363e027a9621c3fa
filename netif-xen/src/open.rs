//! The interface of a guest that runs on Xen.

use netif::Capture;
use rt::{Config, Runtime};
use rt_xen::{Domain, Rt};

use crate::Netfront;

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
        Self::configured(runtime.guest(), config, runtime.memory())
            .map(|netfront| Capture::new(netfront, recorder))
    }
}
