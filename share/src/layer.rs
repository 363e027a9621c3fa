//! The layer: a network that several cores use.

use core::{fmt, net::IpAddr};

use cores::{Channel, Claim, ClaimError, Core};
use layer::{AllCores, Instant, Layer, Offloads, Payload, Rx};
use network::{Delivery, Network, Outgoing, Packet, PortShare, Problem, Protocol, Sent};
use rt_regions::Region;

use crate::wire;

layer::counters! {
    /// What the layer counted.
    pub struct Counters of "share" {
        /// Packets passed to the core that serves their port.
        passed_tx,
        /// ICMP errors passed to the other cores, each as often as it was.
        errors_tx,
        /// Packets and errors that other cores passed to this one.
        passed_rx,
        /// Lost on the way to another core, which was behind.
        no_room,
        /// Lost on their way from another core: no memory.
        exhausted,
    }
}

/// The network `I` of one core among several: what is for a port that another core serves goes there, and an ICMP error,
/// which comes to whichever core, goes to all.
///
/// On the only core of a program, all packets pass.
#[derive(Debug)]
pub struct Share<I> {
    network: I,
    core: Core,
    /// Whether the packet that was handed up last came from another core.
    is_passed: bool,
    counters: Counters,
    log: bool,
}

impl<I> Share<I> {
    /// The layer over `network`, for this core.
    pub fn new(network: I, core: Core) -> Self {
        Self { network, core, is_passed: false, counters: Counters::default(), log: false }
    }

    /// The network below.
    pub fn network(&self) -> &I {
        &self.network
    }

    /// The network below, to be changed.
    pub fn network_mut(&mut self) -> &mut I {
        &mut self.network
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// What another core has passed to this one.
    fn passed<'r>(&mut self, region: &'r Region<'_>) -> Option<Rx<Delivery<'r>>> {
        let (_, message) = self.core.receive(Channel::Packets)?;
        let delivery = message.to_region(region).and_then(|bytes| wire::read(bytes, region));
        Some(match delivery {
            Ok(Some(delivery)) => {
                self.counters.passed_rx += 1;
                Rx::Item(delivery)
            }
            Ok(None) => Rx::Handled,
            Err(_exhausted) => {
                self.counters.exhausted += 1;
                Rx::Handled
            }
        })
    }

    /// Passes a packet to the core `to`.
    fn pass(&mut self, to: usize, packet: &Packet<'_>) {
        layer::log!(self.log, "share: a packet for core {}", to);
        let sent = self.core.send(to, Channel::Packets, 0, &wire::packet(packet));
        self.counters.passed_tx += u64::from(sent);
        self.counters.no_room += u64::from(!sent);
    }

    /// What becomes of what this core received.
    fn sort<'r>(&mut self, delivery: Delivery<'r>) -> Rx<Delivery<'r>> {
        match delivery {
            Delivery::Packet(packet) => {
                let owner = claim_of(packet).and_then(|claim| self.core.owner(claim));
                if let Some(owner) = owner.filter(|owner| *owner != self.core.index()) {
                    self.pass(owner, packet);
                    return Rx::Handled;
                }
            }
            Delivery::Error(error) => {
                if let Some(error) = wire::error(error) {
                    for to in self.core.others() {
                        let sent = self.core.send(to, Channel::Packets, 0, &error);
                        self.counters.errors_tx += u64::from(sent);
                        self.counters.no_room += u64::from(!sent);
                    }
                }
            }
            Delivery::Rejected(..) => {}
        }
        Rx::Item(delivery)
    }
}

/// The port that a packet is for: of UDP and TCP, the second field of the header (RFC 768, RFC 9293 3.1).
fn claim_of(packet: &Packet<'_>) -> Option<Claim> {
    let &[_, _, high, low, ..] = packet.payload else { return None };
    matches!(packet.protocol, Protocol::UDP | Protocol::TCP)
        .then_some(Claim { protocol: packet.protocol.0, port: u16::from_be_bytes([high, low]) })
}

impl<I: Network> Layer for Share<I> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(network: I, "share" and core; unclaimed, next_deadline, ready, configure, end);

    fn all_cores(&self) -> Option<&dyn AllCores> {
        self.core.all()
    }

    /// Adds the ports that other cores serve.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (Claim { protocol, port }, core) in self.core.claims() {
            let name = if Protocol(protocol) == Protocol::TCP { "tcp" } else { "udp" };
            if core != self.core.index() {
                write!(f, " {name} {port} on core {core}")?;
            }
        }
        self.network.describe(f)
    }

    #[inline]
    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, I::Error> {
        if self.core.is_alone() {
            return self.network.receive(now, region);
        }
        if let Some(passed) = self.passed(region) {
            self.is_passed = true;
            return Ok(passed);
        }
        Ok(match self.network.receive(now, region)? {
            Rx::Item(delivery) => {
                self.is_passed = false;
                self.sort(delivery)
            }
            other => other,
        })
    }
}

impl<I: Network> Network for Share<I> {
    const CARRIES_IPV6: bool = I::CARRIES_IPV6;

    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), I::Error> {
        self.network.send_error(now, packet, problem)
    }

    fn is_ours(&self, address: IpAddr) -> bool {
        self.network.is_ours(address)
    }

    fn is_unicast(&self, address: IpAddr) -> bool {
        self.network.is_unicast(address)
    }

    fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        self.network.source_for(destination)
    }

    fn max_payload(&self, destination: IpAddr) -> usize {
        self.network.max_payload(destination)
    }

    fn path_mtu(&self, now: Instant, destination: IpAddr, protocol: Protocol) -> usize {
        self.network.path_mtu(now, destination, protocol)
    }

    fn room(&self) -> usize {
        self.network.room()
    }

    fn offloads(&self, destination: IpAddr) -> Offloads {
        self.network.offloads(destination)
    }

    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, I::Error> {
        self.network.send(now, outgoing, layer::share(&payload))
    }

    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, protocol: Protocol, mtu: u32) {
        self.network.packet_too_big(now, destination, protocol, mtu);
    }

    fn confirm(&mut self, now: Instant, destination: IpAddr) {
        self.network.confirm(now, destination);
    }

    fn port_share(&self) -> PortShare {
        PortShare::new(self.core.count() as u16, self.core.index() as u16)
    }

    fn serve_on(&mut self, core: usize, protocol: Protocol, port: u16) -> Result<bool, ClaimError> {
        self.core.claim(Claim { protocol: protocol.0, port }, core)
    }

    fn pass_on(&mut self, packet: &Packet<'_>) -> bool {
        // What was passed here is not passed back.
        let Some(claim) = claim_of(packet).filter(|_| !self.is_passed) else { return false };
        let owner = usize::from(self.port_share().owner(claim.port));
        if owner == self.core.index() {
            return false;
        }
        self.pass(owner, packet);
        true
    }
}
