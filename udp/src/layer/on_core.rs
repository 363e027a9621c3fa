//! Services that one core of a program has alone.

use network::{BindOnError, Network, Protocol};
use rt_regions::Region;
use tasks::TaskError;

use super::{Bound, Udp};
use crate::{BindError, Datagram, Reply, Socket, SocketSupport, Sockets};

/// What comes of binding a service on one core: nothing on the others.
type BoundOn<'a> = Result<Option<Bound<'a>>, BindOnError<BindError>>;

impl<'g, I: Network, T: SocketSupport> Udp<'g, I, T> {
    /// Binds `service` to `port` on the core `core` alone, as [`bind`](Udp::bind) does: what comes to the port at any core goes
    /// there. Each core of the program makes the same call, and gets `None` if it is another one; the service is dropped there.
    ///
    /// A program with one core has core 0.
    ///
    /// # Errors
    /// [`BindOnError`]; nothing was bound.
    pub fn bind_on<S>(&mut self, core: usize, port: u16, service: S) -> BoundOn<'_>
    where
        S: for<'r, 'p> FnMut(&'r [u8], &'r Region<'p>) -> Reply<'r> + 'g,
    {
        self.on_core(core, port, |udp| udp.bind(port, service))
    }

    /// Binds a service that needs more than the payload of a request on the core `core` alone; otherwise as
    /// [`bind_on`](Udp::bind_on).
    ///
    /// # Errors
    /// [`BindOnError`]; nothing was bound.
    pub fn bind_datagram_on<S>(&mut self, core: usize, port: u16, service: S) -> BoundOn<'_>
    where
        S: for<'r, 'p> FnMut(Datagram<'r>, &'r Region<'p>) -> Reply<'r> + 'g,
    {
        self.on_core(core, port, |udp| udp.bind_datagram(port, service))
    }

    fn on_core<'u>(
        &'u mut self,
        core: usize,
        port: u16,
        bind: impl FnOnce(&'u mut Self) -> Result<Bound<'u>, BindError>,
    ) -> BoundOn<'u> {
        match self.network.serve_on(core, Protocol::UDP, port) {
            Ok(true) => bind(self).map(Some).map_err(BindOnError::Bind),
            Ok(false) => Ok(None),
            Err(error) => Err(BindOnError::Core(error)),
        }
    }
}

impl<I: Network> Udp<'_, I, &'static Sockets> {
    /// Starts a task that has `port` on the core `core` alone, as [`spawn`](Udp::spawn) does; see [`bind_on`](Udp::bind_on).
    ///
    /// # Errors
    /// [`BindOnError`]; nothing was started.
    pub fn spawn_on<S>(&mut self, core: usize, port: u16, service: S) -> BoundOn<'_>
    where
        S: for<'s, 'r> AsyncFnOnce(&'s Socket, &'r Region<'static>) -> Result<(), TaskError>
            + 'static,
    {
        self.on_core(core, port, |udp| udp.spawn(port, service))
    }

    /// Starts a task for each request to `port`, on the core `core` alone, as [`spawn_each`](Udp::spawn_each) does; see
    /// [`bind_on`](Udp::bind_on).
    ///
    /// # Errors
    /// [`BindOnError`]; nothing was bound.
    pub fn spawn_each_on<S>(
        &mut self,
        core: usize,
        port: u16,
        limit: usize,
        service: S,
    ) -> BoundOn<'_>
    where
        S: for<'r> AsyncFn(&'r [u8], &'r Region<'static>) -> Reply<'r> + 'static,
    {
        self.on_core(core, port, |udp| udp.spawn_each(port, limit, service))
    }
}
