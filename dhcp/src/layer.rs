//! The layer: gets an address and keeps it, and configures the layers below; a shell around [`Client`].

use core::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
};

use ethernet::{Link as _, Neighbours as _};
use ipv4::Configure;
use layer::{Cidr, Instant, Keeper, Layer, Payload, Rx, Setup};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, Sent};
use rt_regions::Region;
use udp::UdpHeader;

use crate::{
    Changes, Client, ClientId, Counters, Lease, Output, Request, State,
    observer::Observer,
    wire::{CLIENT_PORT, MessageType, SERVER_PORT},
};

/// Never, as a deadline.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// A client of DHCP over a network `I` with IPv4. What is not for the client passes through.
#[derive(Debug)]
pub struct Dhcp<'g, I> {
    network: I,
    client: Client,
    /// Whether the link was up when it was last looked at, and when to look again. [`NEVER`] if the link's events tell.
    link_up: bool,
    next_look: Instant,
    counters: Counters,
    log: bool,
    observer: Observer<'g>,
    /// Whether the address is asked for again at the next start, so that it is not given back at the end.
    is_kept: bool,
    keeper: Option<Keeper>,
    #[cfg(feature = "cores")]
    shared: shared::Shared,
}

impl<'g, I: Configure> Dhcp<'g, I> {
    /// The layer over `network`, whose link has no address yet ([`Cidr::UNSPECIFIED`]). From the first call of
    /// [`receive`](Layer::receive) on, it asks for one. `seed` must be unpredictable: it hides the numbers of the
    /// transactions. The other layers may share it; see [`layer::seed_for`].
    ///
    /// Whether another station uses the address is found out by the link: by one that probes (`Arp::with_probing`) before the
    /// address is used, as RFC 2131 4.4.1 recommends, and by any other one not at all.
    pub fn new(network: I, seed: u128) -> Self {
        let secret = layer::seed_for(*b"dhcp", seed);
        let client = Client::new(network.link().mac(), secret);
        Self {
            network,
            client,
            link_up: true,
            next_look: Instant::ZERO,
            counters: Counters::default(),
            log: false,
            observer: Observer::NONE,
            is_kept: false,
            keeper: None,
            #[cfg(feature = "cores")]
            shared: shared::Shared::none(),
        }
    }

    /// The layer, whose client has another name for servers; see [`Client::with_id`].
    #[must_use]
    pub fn with_id(self, id: ClientId) -> Self {
        Self { client: self.client.with_id(id), ..self }
    }

    /// The layer, which first asks for the address that it had before, if there is one; see [`Client::with_address`].
    #[must_use]
    pub fn with_address(self, address: Option<Ipv4Addr>) -> Self {
        match address {
            Some(address) => Self { client: self.client.with_address(address), ..self },
            None => self,
        }
    }

    /// The layer, which asks for an address only if it is `enabled`. Otherwise everything passes through, and the address and
    /// the gateway are those that were configured.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        if !enabled {
            // Without a lease there is nothing to give back.
            self.client.release(Instant::ZERO);
        }
        self
    }

    /// Calls `tell` with each lease that is new, or says something else than before, and without one when it is lost: for who
    /// needs its servers of names and of the time. Address and routes are set by then.
    pub fn on_lease(&mut self, tell: &'g dyn Fn(Option<&Lease>)) {
        self.observer = Observer(Some(tell));
    }

    /// Gives the address back, and asks for none any more. The message leaves within a second in which
    /// [`receive`](Layer::receive) is called; then the address is not ours any more.
    ///
    /// # Errors
    /// The device is broken.
    pub fn release(&mut self, now: Instant) -> Result<(), I::Error> {
        self.client.release(now);
        self.run(now)
    }

    /// Does what is due.
    #[cold]
    fn run(&mut self, now: Instant) -> Result<(), I::Error> {
        while let Some(output) = self.client.due(now) {
            match output {
                Output::Send(request) => self.transmit(now, &request)?,
                Output::Configure(changes) => self.apply(now, changes),
                Output::Withdraw => self.withdraw(),
            }
        }
        #[cfg(feature = "cores")]
        self.tell_others(self.client.state() == State::Released);
        Ok(())
    }

    fn transmit(&mut self, now: Instant, request: &Request) -> Result<(), I::Error> {
        let from = SocketAddr::new(request.source.into(), CLIENT_PORT);
        let to = SocketAddr::new(request.destination.into(), SERVER_PORT);
        let header = UdpHeader::new(from, to, request);
        let outgoing = Outgoing {
            source: Some(from.ip()),
            // What is said of the MTU of its path would not be believed.
            routers_fragment: true,
            ..Outgoing::new(to.ip(), Protocol::UDP)
        };
        layer::log!(self.log, "dhcp: sends {}", request);
        match self.network.send(now, &outgoing, (header, request as &dyn Payload))? {
            Sent::Queued => self.counters.messages_tx += 1,
            Sent::NotSent(_) => self.counters.not_sent += 1,
        }
        Ok(())
    }

    /// Configures the layers below.
    fn apply(&mut self, now: Instant, changes: Changes) {
        let Some(lease) = self.client.lease() else { return };
        let (routes_unused, mtu_unused) = configure(&mut self.network, lease, changes);
        self.counters.routes_unused += routes_unused as u64;
        self.counters.mtus_unused += u64::from(mtu_unused);
        if changes.address {
            self.counters.leases += 1;
            layer::log!(self.log, "dhcp: got the address {}", lease);
        }
        self.observer.tell(Some(lease));
        if changes.address {
            let address = lease.address.address();
            self.keep(Some(address));
            self.follow_link(now);
        }
    }

    /// Takes back the configuration.
    fn withdraw(&mut self) {
        layer::log!(self.log, "dhcp: there is no lease any more");
        self.counters.lost += u64::from(self.client.state() != State::Released);
        forget(&mut self.network);
        self.observer.tell(None);
        self.keep(None);
    }

    /// Keeps the address for the next start.
    fn keep(&self, address: Option<Ipv4Addr>) {
        if let Some(keeper) = self.keeper {
            keeper.0.store(address);
        }
    }

    /// Tells the client what the link has found out about the address; returns whether this is news.
    fn follow_link(&mut self, now: Instant) -> bool {
        let link = self.network.link();
        let is_checking = self.client.state() == State::Checking;
        if !is_checking && !self.client.is_bound() {
            return false;
        }
        if link.is_taken() {
            layer::log!(self.log, "dhcp: another station has the address");
            self.counters.conflicts += 1;
            self.client.conflict(now);
            return true;
        }
        let is_ours = !link.address().address().is_unspecified();
        if is_checking && is_ours {
            self.client.confirm();
        }
        is_checking && is_ours
    }

    /// Looks whether the link is up; returns whether it is up again.
    fn look(&mut self, now: Instant) -> bool {
        let link = self.network.link();
        let was_up = core::mem::replace(&mut self.link_up, link.link_up());
        self.next_look = link.link_interval().map_or(NEVER, |interval| now + interval);
        let is_back = self.link_up && !was_up;
        if is_back {
            self.client.verify(now);
        }
        is_back
    }

    /// Handles a datagram for the client.
    fn message(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), I::Error> {
        let Ok((_, payload)) = UdpHeader::parse(packet) else {
            self.counters.bad_datagrams += 1;
            return Ok(());
        };
        self.counters.messages_rx += 1;
        match self.client.input(now, payload) {
            Ok(kind) => {
                layer::log!(self.log, "dhcp: took {}", kind);
                self.counters.denials += u64::from(kind == MessageType::NAK);
            }
            Err(ignored) => {
                layer::log!(self.log, "dhcp: ignored a message, {}", ignored);
                self.counters.ignore(&ignored);
            }
        }
        self.run(now)
    }
}

impl<I> Dhcp<'_, I> {
    /// The client: its state and its lease.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The lease, if there is one; see [`Client::lease`].
    pub fn lease(&self) -> Option<&Lease> {
        #[cfg(feature = "cores")]
        if let Some(lease) = self.shared.followed() {
            return lease;
        }
        self.client.lease()
    }

    /// The network below.
    pub fn network(&self) -> &I {
        &self.network
    }

    /// The network below, mutably. Its link holds our address, which this layer sets.
    pub fn network_mut(&mut self) -> &mut I {
        &mut self.network
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }
}

/// Sets what is different in a lease; returns how many routes have no place, and whether the MTU cannot be set.
fn configure<I: Configure>(network: &mut I, lease: &Lease, changes: Changes) -> (usize, bool) {
    let mut routes_unused = 0;
    if changes.routes {
        network.set_gateway(lease.gateway);
        routes_unused = network.set_routes(&lease.routes);
    }
    let mtu_unused = changes.mtu
        && !network.link_mut().limit_mtu(lease.mtu.map(usize::from))
        && lease.mtu.is_some_and(|mtu| usize::from(mtu) < network.link().mtu());
    if changes.address {
        network.link_mut().set_address(lease.address);
    }
    (routes_unused, mtu_unused)
}

/// Takes back what a lease has set.
fn forget<I: Configure>(network: &mut I) {
    network.link_mut().set_address(Cidr::UNSPECIFIED);
    network.link_mut().limit_mtu(None);
    network.set_gateway(None);
    network.set_routes(&[]);
}

/// Whether a packet is a datagram to the port of the client.
#[inline]
fn is_for_client(packet: &Packet<'_>) -> bool {
    packet.protocol == Protocol::UDP
        && packet.payload.get(2..4) == Some(&CLIENT_PORT.to_be_bytes()[..])
}

impl<I: Configure> Layer for Dhcp<'_, I> {
    const SAYS_GOODBYE: bool = true;

    type Item<'r> = Delivery<'r>;

    layer::forward!(network: I, "dhcp"; unclaimed, describe);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, I::Error> {
        #[cfg(feature = "cores")]
        if self.follow() {
            return Ok(Rx::Handled);
        }
        let was_bound = self.client.is_bound();
        if self.next_look <= now {
            self.look(now);
        }
        if self.follow_link(now) || self.client.is_due(now) {
            self.run(now)?;
        }
        if self.client.is_bound() != was_bound {
            return Ok(Rx::Handled);
        }
        let received = self.network.receive(now, region);
        match &received {
            Ok(Rx::Item(Delivery::Packet(packet)))
                if is_for_client(packet) && self.client.state() != State::Released =>
            {
                self.message(now, packet)?;
                return Ok(Rx::Handled);
            }
            // The link may have found out in this call whose the address is. Its event tells when it goes up or down.
            Ok(Rx::Idle) if self.follow_link(now) || self.next_look == NEVER && self.look(now) => {
                self.run(now)?;
                return Ok(Rx::Handled);
            }
            _ => {}
        }
        // The item is returned where it is, so that nothing is copied.
        received
    }

    /// Takes the address from before, and where to keep it, unless the layer is not [enabled](Self::enabled).
    fn configure(&mut self, setup: &mut Setup<'_>) {
        setup.turn_on("dhcp", &mut self.log);
        if self.client.state() != State::Released {
            let (last, keeper) = (setup.last_address.take(), setup.keeper.take());
            self.is_kept |= last.is_some() || keeper.is_some();
            self.keeper = keeper.or(self.keeper);
            if let Some(address) = last {
                self.client.reboot(address);
            }
        }
        #[cfg(feature = "cores")]
        if self.shared.followed().is_some() {
            // What the first core asks for, and whether it probes, is said to that one.
            (setup.last_address, setup.keeper, setup.probe_at_start) = (None, None, false);
        }
        self.network.configure(setup);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let look = (self.next_look < NEVER).then_some(self.next_look);
        let ours = Instant::earliest(self.client.next_deadline(), look);
        Instant::earliest(ours, self.network.next_deadline())
    }

    /// Gives the address back (RFC 2131 4.4.6). That takes a second, in which the message can wait for the hardware address of its
    /// next hop. An address that is asked for again at the next start is not given back.
    fn end(&mut self, now: Instant) -> Result<bool, I::Error> {
        #[cfg(feature = "cores")]
        if self.shared.must_wait() {
            return Ok(false);
        }
        if self.is_kept {
            #[cfg(feature = "cores")]
            self.tell_others(true);
            return self.network.end(now);
        }
        self.release(now)?;
        Ok(self.client.state() == State::Released && self.network.end(now)?)
    }

    /// Whether there is a lease and its address is ours. There may be one later, so it is never an error not to have one. If
    /// the layer is not [enabled](Self::enabled), the layers below say it.
    fn ready(&self) -> Result<bool, &dyn fmt::Display> {
        #[cfg(feature = "cores")]
        if self.shared.followed() == Some(None) {
            return Ok(false);
        }
        match self.client.state() {
            // The address that was configured, or none.
            State::Released => self.network.ready(),
            _ if self.client.is_bound() && !self.network.link().is_taken() => self.network.ready(),
            _ => Ok(false),
        }
    }
}

/// Packets of others pass through.
impl<I: Configure> Network for Dhcp<'_, I> {
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

#[cfg(feature = "cores")]
mod shared;
#[cfg(test)]
mod tests;
