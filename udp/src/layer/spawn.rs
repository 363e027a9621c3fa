//! Puts tasks on ports.

use network::Network;
use rt_regions::Region;
use tasks::{Places, SpawnError, TaskError, Tasks};

use super::{Bound, Udp};
use crate::{BindError, Datagram, Failure, Reply, Socket, Sockets, stored::Stored};

/// The text for a request for which no task could be started.
const NO_ROOM: &str = "no memory for the request now: ask again later";

impl<'g, I: Network> Udp<'g, I> {
    /// This layer, whose ports tasks can have: see [`spawn`](Udp::spawn). `tasks` are those of the program:
    /// `rt.tasks()`.
    ///
    /// # Errors
    /// [`BindError`]: there is no memory.
    pub fn with_tasks(
        self,
        tasks: &'static Tasks,
    ) -> Result<Udp<'g, I, &'static Sockets>, BindError> {
        let Self {
            network,
            ports,
            sockets: (),
            seed,
            counters,
            service,
            clients,
            listing,
            lines,
            log,
        } = self;
        let sockets = Sockets::new(tasks, network.port_share(), seed)?;
        for port in ports.iter().chain(listing.port()) {
            sockets.reserve(port)?;
        }
        Ok(Udp { network, ports, sockets, seed, counters, service, clients, listing, lines, log })
    }
}

impl<I> Udp<'_, I, &'static Sockets> {
    /// The sockets, to open more, also in tasks.
    pub fn sockets(&self) -> &'static Sockets {
        self.sockets
    }

    /// Starts a task that has `port`: an async function with a socket and a region of its own. It receives and sends at any
    /// time, asks others, and waits for moments. When it ends, its socket is closed and the port is unbound; if it ends
    /// with an error, a line says so.
    ///
    /// Its region cannot be emptied while the task lives. So a task that serves for ever opens a child of it
    /// (`region.child("request")`), which it resets after each request.
    ///
    /// By default it gets what a service that was bound by [`bind`](Udp::bind) gets. If it sends datagrams to services
    /// and expects answers at this port, it needs [`answer_any_port`](Bound::answer_any_port).
    ///
    /// Write the async closure in the call: `udp.spawn(53, async move |socket, region| ...)`.
    ///
    /// # Errors
    /// [`BindError`]; nothing was started.
    pub fn spawn<S>(&mut self, port: u16, service: S) -> Result<Bound<'_>, BindError>
    where
        S: for<'s, 'r> AsyncFnOnce(&'s Socket, &'r Region<'static>) -> Result<(), TaskError>
            + 'static,
    {
        let sockets = self.sockets;
        let mailbox = sockets.mailbox()?;
        let bound = self.bind_datagram(port, move |datagram, _| {
            sockets.put(mailbox, &datagram);
            Err(Failure::Deferred)
        });
        if let Err(error) = bound {
            sockets.free(mailbox);
            return Err(error);
        }
        let socket = sockets.open_bound(port, mailbox);
        let spawned = sockets.tasks().spawn("udp.task", async move |region| {
            let ended = service(&socket, region).await;
            ended.map_err(|error| TaskError::new(format_args!("port {port}: {error}")))
        });
        match spawned {
            Ok(task) => mailbox.owner.set(Some(task)),
            Err(error) => {
                // The socket was dropped.
                self.unbind_closed();
                return Err(error.into());
            }
        }
        self.ports.answers(port).map(Bound).ok_or(BindError::NotBound(port))
    }

    /// Starts a task for each request to `port`, up to `limit` at a time: as [`bind`](Udp::bind), but the function is async
    /// and has a region of its own, so it may wait, ask others and [yield](tasks::yield_now). A client whose request would
    /// be one too many is told so in a line. The function stays in the program's memory when the port is unbound.
    ///
    /// Write the async closure in the call: `udp.spawn_each(8081, 32, async |request, region| ...)`.
    ///
    /// # Errors
    /// [`BindError`]; nothing was bound.
    pub fn spawn_each<S>(
        &mut self,
        port: u16,
        limit: usize,
        service: S,
    ) -> Result<Bound<'_>, BindError>
    where
        S: for<'r> AsyncFn(&'r [u8], &'r Region<'static>) -> Reply<'r> + 'static,
    {
        self.spawn_each_datagram(port, limit, async move |datagram: Datagram<'_>, region| {
            service(datagram.payload, region).await
        })
    }

    /// Starts a task for each request, which needs more than the payload; otherwise as [`spawn_each`](Udp::spawn_each).
    ///
    /// # Errors
    /// [`BindError`]; nothing was bound.
    pub fn spawn_each_datagram<S>(
        &mut self,
        port: u16,
        limit: usize,
        service: S,
    ) -> Result<Bound<'_>, BindError>
    where
        S: for<'r> AsyncFn(Datagram<'r>, &'r Region<'static>) -> Reply<'r> + 'static,
    {
        let sockets = self.sockets;
        let each: &'static Each<S> =
            sockets.tasks().memory().alloc(Each { service, places: Places::new(limit) })?;
        self.bind_datagram(port, move |datagram, region| each.start(sockets, &datagram, region))
    }
}

/// A service that has a task for each request.
struct Each<S> {
    service: S,
    places: Places,
}

impl<S> Each<S>
where
    S: for<'r> AsyncFn(Datagram<'r>, &'r Region<'static>) -> Reply<'r> + 'static,
{
    /// Starts a task for a request.
    fn start<'r>(
        &'static self,
        sockets: &'static Sockets,
        datagram: &Datagram<'_>,
        region: &'r Region<'_>,
    ) -> Reply<'r> {
        let Some(place) = self.places.take() else {
            sockets.count(|counters| counters.busy += 1);
            let limit = self.places.limit();
            let text = format_args!("busy: {limit} requests are in work already: ask again later");
            return Err(Failure::Refused(region.format(text)?));
        };
        let stored = Stored::new(datagram, sockets.requests());
        let stored = stored.inspect_err(|_| sockets.count(|counters| counters.not_spawned += 1))?;
        let spawned = sockets.tasks().launch("udp.request", async move |region| {
            let _place = place;
            let packet = stored.packet();
            let reply = (self.service)(stored.datagram(&packet), region).await;
            sockets.put_reply(stored.request, reply).await;
        });
        match spawned {
            Ok(_) => Err(Failure::Deferred),
            Err(error) => {
                sockets.count(|counters| counters.not_spawned += 1);
                Err(match error {
                    SpawnError::Exhausted(error) => Failure::Exhausted(error),
                    _ => Failure::Refused(NO_ROOM),
                })
            }
        }
    }
}
