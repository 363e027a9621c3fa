//! Services that one core of a program has alone.

use network::{BindOnError, Network, Protocol};
use rt_regions::Region;
use tasks::TaskError;

use super::Tcp;
use crate::{BindError, Stream};

impl<I: Network> Tcp<I> {
    /// Binds `service` to `port` on the core `core` alone, as [`bind`](Self::bind) does: what comes to the port at any core goes
    /// there. Each core of the program makes the same call; it is true on that core, and on the others the service is dropped. A
    /// program with one core has core 0.
    ///
    /// # Errors
    /// [`BindOnError`]; nothing was bound.
    pub fn bind_on<S>(
        &mut self,
        core: usize,
        port: u16,
        service: S,
    ) -> Result<bool, BindOnError<BindError>>
    where
        S: for<'s, 'r> AsyncFn(&'s Stream, &'r Region<'static>) -> Result<(), TaskError> + 'static,
    {
        let is_here = self.network.serve_on(core, Protocol::TCP, port);
        let is_here = is_here.map_err(BindOnError::Core)?;
        if is_here {
            self.bind(port, service).map_err(BindOnError::Bind)?;
        }
        Ok(is_here)
    }
}
