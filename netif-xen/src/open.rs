//! The interface of a guest that runs on Xen.

use rt::{Config, Runtime as _};
use rt_xen::{Domain, Rt};

use crate::Netfront;

impl Netfront<&'static Domain> {
    /// Opens the network device that the arguments name, see [`configured`](Self::configured), of the guest
    /// that runs here.
    ///
    /// # Errors
    /// See [`Error`](crate::Error) (status 1; what is no number: status 2).
    // In the program, which has all the rest of the interface too, and not twice.
    #[inline]
    pub fn open(runtime: &mut Rt, config: &Config) -> Result<Self, rt::Error> {
        Self::configured(runtime.guest(), config, runtime.memory())
    }
}
