//! The layer: hands segments to connections, and sends theirs.

mod accept;
mod begin;
mod errors;
mod half_open;
mod on_core;
mod transmit;

use core::{fmt, net::IpAddr, time::Duration};

use layer::{Instant, Layer, Rx, Setup};
use network::{Delivery, Network, Packet, Problem, Protocol, TokenBucket};
use rt_regions::{Exhausted, Region};
use tasks::{TaskError, Tasks};

use crate::{
    BindError, Broken, Connections, Flags, Segment, Stream,
    connection::Events,
    connections::{Id, Listener, Service},
    tuple::Tuple,
    wire::{self, ParseError},
};

layer::counters! {
    /// The counters of the TCP layer.
    pub struct Counters of "tcp" {
        /// Segments received, of those whose checksum is right.
        segments_rx,
        /// Segments sent.
        segments_tx,
        /// Segments not sent: the network did not send them.
        not_sent,
        /// Dropped: shorter than a header.
        short,
        /// Dropped: a wrong data offset.
        bad_offset,
        /// Dropped: wrong checksum.
        bad_checksum,
        /// Dropped: a broadcast or multicast, or from or to port 0.
        not_one_peer,
        /// Dropped: from a host that is not permitted to connect.
        not_allowed,
        /// Connections that peers have opened.
        accepted,
        /// Connections that we have opened.
        connected,
        /// Connections that a reset has ended, of the peer.
        resets_rx,
        /// Resets sent.
        resets_tx,
        /// Resets not sent: the limit was reached.
        resets_limited,
        /// Connections that were not accepted at once: there was no room.
        no_room,
        /// SYNs answered with a cookie: too many connections are half open.
        cookies_tx,
        /// Connections opened with a cookie.
        cookies_rx,
        /// Half-open connections that were forgotten: the peer did not answer.
        half_open_expired,
        /// ICMP errors about segments of ours.
        icmp_errors,
        /// ICMP errors that quote no segment that can be on its way.
        icmp_errors_unconfirmed,
    }
}

/// How many packets are taken before what they have caused is sent.
const PACKETS_A_FLUSH: u32 = 16;

/// How many connections a report lists.
const LISTED: usize = 100;

/// The maximum segment size of a peer that says nothing, over IPv6 (RFC 9293 3.7.1), in bytes.
const DEFAULT_IPV6_MSS: u16 = 1220;

/// The rate of resets to strangers, in segments a second, and how many there are at once.
const RESETS_PER_SECOND: u32 = 1000;
const RESET_BURST: u32 = 200;

/// How often the network below is told of one peer that something has arrived there.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(1);

/// TCP over a network layer `I`. What is not TCP passes through, up and down.
#[derive(Debug)]
pub struct Tcp<I> {
    network: I,
    connections: &'static Connections,
    resets: TokenBucket,
    /// Packets since something was sent last.
    unflushed: u32,
    clients: Option<layer::Networks>,
    /// The peer that the network below was last told of, and when; see [`confirm`](Self::confirm).
    confirmed: Option<(IpAddr, Instant)>,
    log: bool,
}

impl<I> Tcp<I> {
    /// The layer over `network`. The services are tasks among `tasks`. The secret `seed` is where initial sequence
    /// numbers come from; other layers may share it, see [`layer::seed_for`].
    ///
    /// All buffers together take half of the pool at most. There are as many connections at most as fit into the other
    /// half while they wait, some 3 KiB each. The line that says where the tower serves has both numbers.
    ///
    /// # Errors
    /// There is no memory for the tables.
    pub fn new(network: I, seed: u128, tasks: &'static Tasks) -> Result<Self, Exhausted> {
        let connections = Connections::new(tasks, seed)?;
        let resets =
            TokenBucket::new(RESETS_PER_SECOND, RESET_BURST, layer::seed_for(*b"rst ", seed));
        Ok(Self {
            network,
            connections,
            resets,
            unflushed: 0,
            clients: None,
            confirmed: None,
            log: false,
        })
    }

    /// Accepts connections only from hosts of these networks, at any port. `None` accepts all.
    #[must_use]
    pub fn with_clients(self, clients: Option<layer::Networks>) -> Self {
        Self { clients, ..self }
    }

    /// Starts `service` for each connection to `port`: an async function with the connection and a region of its own. When
    /// it returns, what it has sent still arrives, and the connection ends. If it returns an error, the connection is
    /// reset, and a line says why, unless the peer has broken it.
    ///
    /// Its region cannot be emptied while the connection lives. So a service that answers many requests opens a child of it
    /// (`region.child("request")`), which it resets after each.
    ///
    /// Write the async closure in the call: `tcp.bind(80, async |stream, region| ...)`.
    ///
    /// # Errors
    /// [`BindError`]; nothing was bound.
    pub fn bind<S>(&mut self, port: u16, service: S) -> Result<(), BindError>
    where
        S: for<'s, 'r> AsyncFn(&'s Stream, &'r Region<'static>) -> Result<(), TaskError> + 'static,
    {
        if port == 0 {
            return Err(BindError::Zero);
        }
        let memory = self.connections.tasks.memory();
        let mut inner = self.connections.inner.borrow_mut();
        if inner.listener(port).is_some() {
            return Err(BindError::InUse(port));
        }
        let free = inner.listeners.iter_mut().find(|listener| listener.is_none());
        let free = free.ok_or(BindError::Full)?;
        *free = Some(Listener { port, opener: &*memory.alloc(Service(service))? });
        Ok(())
    }

    /// Answers requests with a function, one after the other: `service` gets a request and a region that is emptied after
    /// each. `framing` says how long the first request is among the bytes that have come, or `None` if it is not complete:
    /// [`lines`](crate::lines), for example.
    ///
    /// # Errors
    /// [`BindError`]; nothing was bound.
    pub fn bind_exchange<S>(
        &mut self,
        port: u16,
        framing: fn(&[u8]) -> Option<usize>,
        service: S,
    ) -> Result<(), BindError>
    where
        S: for<'r> Fn(&'r [u8], &'r Region<'_>) -> Result<&'r [u8], TaskError> + 'static,
    {
        self.bind(port, async move |stream, region| {
            stream.exchange(region, framing, &service).await
        })
    }

    /// Accepts no more connections at `port`; returns whether it did. Those that there are go on. The service stays in the
    /// program's memory.
    pub fn unbind(&mut self, port: u16) -> bool {
        let mut inner = self.connections.inner.borrow_mut();
        let is_it = |listener: &Option<Listener>| listener.is_some_and(|it| it.port == port);
        inner.listeners.iter_mut().find(|listener| is_it(listener)).and_then(Option::take).is_some()
    }

    /// The connections, to open more, also in tasks.
    pub fn connections(&self) -> &'static Connections {
        self.connections
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
    pub fn stats(&self) -> Counters {
        self.connections.stats()
    }
}

impl<I: Network> Tcp<I> {
    /// Takes a packet that carries TCP.
    fn take(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), I::Error> {
        let mut segment = match wire::parse(packet) {
            Ok(segment) => segment,
            Err(error) => {
                self.connections.count(|counters| match error {
                    ParseError::Short => counters.short += 1,
                    ParseError::DataOffset => counters.bad_offset += 1,
                    ParseError::Checksum => counters.bad_checksum += 1,
                });
                return Ok(());
            }
        };
        let [theirs, ours] = segment.ports;
        if packet.broadcast || theirs == 0 || ours == 0 {
            self.connections.count(|counters| counters.not_one_peer += 1);
            return Ok(());
        }
        self.connections.count(|counters| counters.segments_rx += 1);
        let tuple = Tuple { addresses: [packet.destination, packet.source], ports: [ours, theirs] };
        if segment.flags.contains(Flags::SYN) && packet.source.is_ipv6() {
            segment.options.mss.get_or_insert(DEFAULT_IPV6_MSS);
        }
        let found = self.connections.inner.borrow().table.find(&tuple);
        match found {
            Some(id) => self.hand(now, id, &tuple, &segment),
            None => self.take_unknown(now, packet, &tuple, &segment),
        }
    }

    /// Hands a segment to its connection.
    fn hand(
        &mut self,
        now: Instant,
        id: Id,
        tuple: &Tuple,
        segment: &Segment<'_>,
    ) -> Result<(), I::Error> {
        let mut inner = self.connections.inner.borrow_mut();
        let Some(entry) = inner.table.get(id) else { return Ok(()) };
        let una = entry.connection.sender().una();
        let events = entry.connection.on_segment(now, segment);
        let is_acknowledged = entry.connection.sender().una() != una;
        self.connections.wake(entry, events);
        if events.closed {
            if matches!(entry.connection.broken(), Some(Broken::Reset | Broken::Refused)) {
                self.connections.count(|counters| counters.resets_rx += 1);
            }
        } else if events.established && entry.has_stream && entry.is_served {
            self.connections.count(|counters| counters.connected += 1);
        }
        inner.table.queue(id);
        let reports_duplicate =
            inner.table.get(id).is_some_and(|entry| entry.connection.reports_duplicate());
        drop(inner);
        if I::CARRIES_IPV6 && is_acknowledged && tuple.addresses[1].is_ipv6() {
            self.confirm(now, tuple.addresses[1]);
        }
        if reports_duplicate {
            self.transmit(now, id)?;
        }
        if events.reset { self.reset(now, tuple, segment) } else { Ok(()) }
    }

    /// Tells the network that something has arrived at a peer, but not for each segment.
    fn confirm(&mut self, now: Instant, peer: IpAddr) {
        if !self.confirmed.is_some_and(|(last, at)| last == peer && now < at + CONFIRM_INTERVAL) {
            self.confirmed = Some((peer, now));
            self.network.confirm(now, peer);
        }
    }

    /// Does what is due.
    fn do_due(&mut self, now: Instant) -> Result<(), I::Error> {
        loop {
            let mut inner = self.connections.inner.borrow_mut();
            let inner = &mut *inner;
            let Some(id) = inner.deadlines.pop(now, &mut inner.table) else { break };
            let Some(entry) = inner.table.get(id) else { continue };
            let events = entry.connection.on_deadline(now);
            self.connections.wake(entry, events);
            inner.table.queue(id);
        }
        self.answer_again(now)
    }
}

impl Connections {
    /// Wakes the tasks that wait for what has changed.
    pub(super) fn wake(&self, entry: &mut crate::connections::Entry, events: Events) {
        if (events.readable || events.urgent || events.trouble)
            && let Some(reader) = entry.reader.take()
        {
            self.tasks.wake(reader);
        }
        if (events.writable || events.established || events.trouble)
            && let Some(writer) = entry.writer.take()
        {
            self.tasks.wake(writer);
        }
    }
}

impl<I: Network> Layer for Tcp<I> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(network: I, "tcp" in connections; unclaimed, ready, all_cores, end);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, I::Error> {
        if self.connections.next_deadline().is_some_and(|at| at <= now) {
            self.do_due(now)?;
        }
        if self.unflushed >= PACKETS_A_FLUSH {
            self.flush(now)?;
        }
        let received = self.network.receive(now, region);
        match &received {
            Ok(Rx::Item(Delivery::Packet(packet))) if packet.protocol == Protocol::TCP => {
                self.unflushed += 1;
                self.take(now, packet)?;
                Ok(Rx::Handled)
            }
            Ok(Rx::Item(Delivery::Error(error))) if error.packet.protocol == Protocol::TCP => {
                self.take_error(now, error);
                Ok(Rx::Handled)
            }
            // The end of a burst: what it has caused is sent together.
            Ok(Rx::Idle) if self.flush(now)? => Ok(Rx::Handled),
            _ => received,
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.network.next_deadline(), self.connections.next_deadline())
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        setup.turn_on("tcp", &mut self.log);
        if setup.clients.is_some() {
            self.clients = setup.clients;
        }
        self.network.configure(setup);
    }

    fn list(&self, line: &mut dyn FnMut(fmt::Arguments<'_>)) {
        self.network.list(line);
        let (mut count, most) = (0, LISTED);
        self.connections.for_each(&mut |connection| {
            count += 1;
            if count <= most {
                line(format_args!("{connection}"));
            }
        });
        if count > most {
            line(format_args!("connection ... {} more", count - most));
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.connections.inner.borrow();
        let mut word = " tcp ";
        for listener in inner.listeners.iter().flatten() {
            layer::format_number(f, word, listener.port.into())?;
            word = " ";
        }
        let limits = inner.limits;
        drop(inner);
        self.network.describe(f)?;
        layer::format_number(f, ", tcp connections at most ", limits.connections as u64)?;
        layer::format_number(f, ", KiB of their buffers ", limits.buffers as u64 >> 10)
    }
}

/// Packets of other protocols pass through.
impl<I: Network> Network for Tcp<I> {
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
