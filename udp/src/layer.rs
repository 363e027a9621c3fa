//! The layer: hands datagrams to the services, and sends their replies.

use core::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use layer::{Instant, Layer, Networks, PartialChecksum, Payload, Rx, ServiceCounters, Setup};
use managed::ManagedSlice;
use network::{
    Delivery, Network, Outgoing, Packet, Problem, Protocol, SendError, Sent, TokenBucket,
};
use rt_regions::{Exhausted, Pool, Region};

use crate::{
    BindError, Datagram, HEADER_LEN, PortSlot, Reply, SocketSupport, UdpHeader, Undelivered,
    ports::Ports,
};

mod answers;
mod flush;
mod listing;
mod on_core;
mod serve;
mod spawn;

pub use answers::Bound;
pub(crate) use answers::{Answers, is_responder};
use listing::Listing;

/// The number of ports that [`Udp::new`] makes room for.
const DEFAULT_PLACES: usize = 64;

/// The rate of lines that explain why there is no reply, in lines a second.
const LINES_PER_SECOND: u32 = 100;

/// The largest burst of lines that explain why there is no reply.
const LINE_BURST: u32 = 50;

layer::counters! {
    /// The counters of the UDP layer.
    pub struct Counters of "udp" {
        /// Datagrams handed to a service.
        datagrams_rx,
        /// Datagrams sent.
        datagrams_tx,
        /// Datagrams not sent: the network did not send them.
        not_sent,
        /// Dropped: shorter than a header.
        short,
        /// Dropped: the length field is below 8, or more than the packet carries.
        bad_length,
        /// Dropped: wrong checksum.
        bad_checksum,
        /// Dropped: no service is bound to the port.
        no_service,
        /// Dropped: from a host that is not permitted to use the port.
        not_allowed,
        /// Dropped: a broadcast or multicast, which the service does not answer.
        broadcasts,
        /// Dropped: from a port that is likely to be a service's, which might answer the reply.
        service_ports,
        /// Requests for which a service had no memory.
        exhausted,
        /// Requests that a service refused with a text.
        refused,
        /// Requests that a service did not answer.
        silent,
        /// Replies that were too long: a text was sent instead.
        replies_too_long,
        /// Replies not sent: the request came from port 0.
        no_reply_port,
        /// Replies not sent: the time to live of the request is used up.
        ttl_spent,
        /// Not sent: the limit for lines that explain a missing reply, or for listings of counters, was reached.
        replies_limited,
        /// ICMP errors about datagrams of ours.
        icmp_errors,
        /// ICMP errors about datagrams of ours from a port without a listener.
        icmp_errors_unheard,
        /// ICMP errors ignored: they quote no UDP header.
        icmp_errors_malformed,
        /// Path MTUs not believed: the ICMP error is about a datagram from a port that nothing is bound to.
        paths_unconfirmed,
    }
}

/// UDP over a network layer `I`, with the services that are bound to its ports. `T` is what it does for tasks: nothing,
/// or [`Sockets`](crate::Sockets), see [`with_tasks`](Udp::with_tasks).
#[derive(Debug)]
pub struct Udp<'g, I, T = ()> {
    network: I,
    ports: Ports<'g>,
    sockets: T,
    seed: u128,
    counters: Counters,
    /// What the services count, which is shown after our own.
    service: Option<&'g dyn ServiceCounters>,
    /// The networks whose requests are accepted. `None` accepts all.
    clients: Option<Networks>,
    listing: Listing,
    lines: TokenBucket,
    log: bool,
}

impl<'g, I> Udp<'g, I> {
    /// The layer over `network`, with room for 64 ports in `region`. The services are kept in regions of their own on
    /// the same pool.
    ///
    /// The lines that explain to clients why there is no reply are limited to about 100 a second, and about 50 at once;
    /// the secret `seed` decides the exact numbers, see [`TokenBucket`]. The other layers may share the seed; see
    /// [`layer::seed_for`].
    ///
    /// # Errors
    /// `region` has no room for the table, or no pool.
    pub fn new(network: I, seed: u128, region: &'g Region<'_>) -> Result<Self, Exhausted> {
        let pool = region.require_pool()?;
        let places = region.alloc_slice_with(DEFAULT_PLACES, |_| PortSlot::EMPTY)?;
        Ok(Self::with_storage(network, seed, places, pool))
    }

    /// The layer over `network`, with room for as many ports as `storage` has places. The services are kept in regions
    /// of their own on `pool`. [`new`](Self::new) describes `seed`.
    pub fn with_storage(
        network: I,
        seed: u128,
        storage: impl Into<ManagedSlice<'g, PortSlot<'g>>>,
        pool: &'g Pool<'g>,
    ) -> Self {
        let ports = Ports::new(storage.into(), pool);
        let lines = TokenBucket::new(LINES_PER_SECOND, LINE_BURST, layer::seed_for(*b"udp ", seed));
        Self {
            network,
            ports,
            sockets: (),
            seed,
            counters: Counters::default(),
            service: None,
            clients: None,
            listing: Listing::none(),
            lines,
            log: false,
        }
    }
}

impl<'g, I, T: SocketSupport> Udp<'g, I, T> {
    /// Accepts datagrams only from hosts of these networks, on any port. `None` accepts all.
    #[must_use]
    pub fn with_clients(self, clients: Option<Networks>) -> Self {
        Self { clients, ..self }
    }

    /// Shows what the services count with the counters of the layers: in the report at the end, and on the port that
    /// answers with all counters. `--log` turns on the log of the services by their names.
    ///
    /// [`layer::service_counters!`] declares them.
    #[must_use]
    pub fn with_service_counters(self, counters: &'g dyn ServiceCounters) -> Self {
        Self { service: Some(counters), ..self }
    }

    /// Sets the limit for the lines that tell clients why there is no reply: `per_second` in the long run, `burst` at
    /// once. If either is 0, the layer sends none.
    #[must_use]
    pub fn with_line_rate(self, per_second: u32, burst: u32) -> Self {
        Self { lines: self.lines.with_limit(per_second, burst), ..self }
    }

    /// Binds `service` to `port`: the layer hands each datagram for the port to the service, and sends its reply. The
    /// second argument of the service is the packet's region. The reply lives in that region, or longer.
    ///
    /// The service is moved into a region of its own. A service with a destructor (one that keeps a `String`, say) does
    /// not compile.
    ///
    /// So that nobody can use the service against others, it does not get broadcasts, nor datagrams from a port that is
    /// likely to be another service's. A service that needs those opts in:
    /// `udp.bind(123, service)?.answer_any_port().answer_broadcasts()`.
    ///
    /// # Errors
    /// [`BindError`]; nothing was bound.
    pub fn bind<S>(&mut self, port: u16, mut service: S) -> Result<Bound<'_>, BindError>
    where
        S: for<'r, 'p> FnMut(&'r [u8], &'r Region<'p>) -> Reply<'r> + 'g,
    {
        self.bind_datagram(port, move |datagram, region| service(datagram.payload, region))
    }

    /// Binds a service that needs more than the payload of a request; otherwise as [`bind`](Self::bind).
    ///
    /// # Errors
    /// [`BindError`]; nothing was bound.
    pub fn bind_datagram<S>(&mut self, port: u16, service: S) -> Result<Bound<'_>, BindError>
    where
        S: for<'r, 'p> FnMut(Datagram<'r>, &'r Region<'p>) -> Reply<'r> + 'g,
    {
        if self.listing.is_at(port) {
            return Err(BindError::InUse(port));
        }
        self.sockets.reserve(port)?;
        let bound = self.ports.bind(port, service);
        if bound.is_err() {
            self.sockets.release(port);
        }
        bound.map(Bound)
    }

    /// Calls `listener` for each ICMP error about a datagram from `port` (RFC 1122 4.1.3.3). It replaces the earlier
    /// listener, and is dropped when the service is unbound.
    ///
    /// # Errors
    /// [`BindError`]: among others, no service is bound to the port.
    pub fn on_error<L>(&mut self, port: u16, listener: L) -> Result<(), BindError>
    where
        L: for<'r> FnMut(Undelivered<'r>) + 'g,
    {
        self.ports.listen(port, listener)
    }

    /// Unbinds the service from `port`, and frees all its memory; returns whether a service was bound. A task that was
    /// started with the port is cancelled; requests that are in work of [`spawn_each`](Udp::spawn_each) are not.
    pub fn unbind(&mut self, port: u16) -> bool {
        let was_bound = self.ports.unbind(port);
        if was_bound {
            self.sockets.release(port);
        }
        was_bound
    }

    /// The network below.
    pub fn network(&self) -> &I {
        &self.network
    }

    /// The network below, mutably.
    pub fn network_mut(&mut self) -> &mut I {
        &mut self.network
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }
}

impl<I: Network, T: SocketSupport> Udp<'_, I, T> {
    /// The longest payload of a datagram to `destination` in bytes: 65,507 on IPv4.
    #[inline]
    pub fn max_datagram(&self, destination: IpAddr) -> usize {
        let payload = self.network.max_payload(destination);
        payload.min(usize::from(u16::MAX)).saturating_sub(HEADER_LEN)
    }

    /// Sends a datagram that is not a reply, with the default TTL and TOS 0. If nothing is bound to `source_port`,
    /// routers may fragment it, because ICMP errors about its path MTU would not be believed.
    ///
    /// # Errors
    /// The device is broken. A failure of only this datagram is [`Sent::NotSent`].
    pub fn send(
        &mut self,
        now: Instant,
        source_port: u16,
        destination: SocketAddr,
        payload: impl Payload,
    ) -> Result<Sent, I::Error> {
        let outgoing = Outgoing::new(destination.ip(), Protocol::UDP);
        self.send_with(now, source_port, destination.port(), outgoing, payload)
    }

    /// Sends a datagram that is not a reply, with the TTL, the TOS and the fragmentation of `outgoing` (RFC 1122
    /// 4.1.4). The protocol in `outgoing` is ignored: it is UDP. If nothing is bound to `source_port`, routers may
    /// fragment the datagram too.
    ///
    /// # Errors
    /// The device is broken. A failure of only this datagram is [`Sent::NotSent`].
    pub fn send_with(
        &mut self,
        now: Instant,
        source_port: u16,
        destination_port: u16,
        mut outgoing: Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, I::Error> {
        let routers_fragment = outgoing.routers_fragment || !self.is_bound(source_port);
        outgoing.routers_fragment = routers_fragment;
        self.transmit(now, [source_port, destination_port], &mut outgoing, payload)
    }

    /// Sends a datagram from one port to another. Something is bound to the first port, or routers may fragment the
    /// datagram. Sets the fields of `outgoing` that every UDP datagram has.
    #[inline]
    fn transmit(
        &mut self,
        now: Instant,
        ports: [u16; 2],
        outgoing: &mut Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, I::Error> {
        let to = outgoing.destination;
        let (length, most) = (payload.len(), self.max_datagram(to));
        let sent = match outgoing.source.or_else(|| self.network.source_for(to)) {
            _ if self.network.max_payload(to) == 0 => Sent::NotSent(SendError::BadAddress(to)),
            Some(_) if length > most => Sent::NotSent(SendError::TooLong { length, most }),
            None => Sent::NotSent(SendError::BadSource(None)),
            Some(source) => {
                let addresses = [source, to];
                let (header, checksum) = if self.network.offloads(to).checksum {
                    let header = UdpHeader::with_partial(addresses, ports, length);
                    (header, Some(PartialChecksum::UDP))
                } else {
                    (UdpHeader::with_checksum(addresses, ports, &payload), None)
                };
                layer::log!(self.log, "udp: sends {}", header);
                (outgoing.protocol, outgoing.checksum) = (Protocol::UDP, checksum);
                self.network.send(now, outgoing, (header, payload))?
            }
        };
        match sent {
            Sent::Queued => self.counters.datagrams_tx += 1,
            Sent::NotSent(_) => self.counters.not_sent += 1,
        }
        Ok(sent)
    }
}

impl<I: Network, T: SocketSupport> Layer for Udp<'_, I, T> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(network: I, "udp" and sockets and service; unclaimed, next_deadline, ready, list, all_cores, end);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, I::Error> {
        if self.sockets.has_output() {
            T::flush(self, now)?;
        }
        let received = self.network.receive(now, region);
        match &received {
            Ok(Rx::Item(Delivery::Packet(packet))) if packet.protocol == Protocol::UDP => {
                self.serve(now, packet, region)?;
                Ok(Rx::Handled)
            }
            Ok(Rx::Item(Delivery::Error(error))) if error.packet.protocol == Protocol::UDP => {
                self.take_error(now, error);
                Ok(Rx::Handled)
            }
            // The item is returned where it is, so that nothing is copied.
            _ => received,
        }
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        setup.turn_on("udp", &mut self.log);
        // Only where there is a log, so that a program without one has no code for it.
        if let (Some(_), Some(service)) = (setup.log, self.service) {
            service.configure(setup);
        }
        if setup.clients.is_some() {
            self.clients = setup.clients;
        }
        if setup.counters_port.is_some() {
            match self.set_listing(setup.counters_port, &setup.counters_from) {
                Ok(()) => setup.counters_port = None,
                Err(_) => setup.refuse("a service is bound to it"),
            }
        }
        self.network.configure(setup);
        // Transports below have theirs now.
        setup.clients = None;
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe_ports(f)?;
        self.network.describe(f)
    }
}

/// Packets of other protocols pass through.
impl<I: Network, T: SocketSupport> Network for Udp<'_, I, T> {
    const CARRIES_IPV6: bool = I::CARRIES_IPV6;

    network::forward!(network: I);

    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), I::Error> {
        self.network.send_error(now, packet, problem)
    }
}

#[cfg(test)]
mod tests;
