//! The interface of one core among several.

use core::{fmt, time::Duration};

use cores::Core;
use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::Region;

use crate::{NoQueues, SteerError, first::First, other::Other};

layer::counters! {
    /// What a core counted of the frames that went to others, or came from them.
    pub struct Counters of "steer" {
        /// Received frames passed to the core that they are for.
        steered,
        /// Received frames lost on the way to another core, which was behind.
        not_steered,
        /// Received frames taken from the first core.
        taken,
        /// Frames lost on their way from the first core: the packet's region had no room.
        exhausted,
        /// Frames given to the first core to send.
        handed_over,
        /// Frames that waited until the ring to the first core had room, whether they were given to it then or not.
        waited,
        /// Frames not sent: the ring to the first core had no room.
        not_handed_over,
        /// Frames of other cores given to the device.
        sent_for_others,
    }
}

/// The interface of one core among several: on the first one the device `N`, on the others the way to it.
///
/// The first core passes each frame that it receives to the core that it is for ([`Spread`](cores::Spread)). The others put what
/// they send into a ring, and the first core sends it when it is asked to receive.
///
/// A device may have queues `Q` for each of the other cores. While it uses them ([`link_up`](Netif::link_up) of `Q`), such a core receives
/// and sends there, and the first core keeps what it receives ([`is_spread`](Netif::is_spread) of the device).
///
/// On the only core of a program it is the device.
pub struct Steer<N: Netif, Q = NoQueues<N>>(Place<N, N::Event, Q>);

enum Place<N, E, Q> {
    Alone(N),
    First(First<N>),
    Other(Other<E, Q>),
}

impl<N: Netif, Q: Netif<Error = N::Error>> Steer<N, Q> {
    /// The interface `netif` of the first core, or of the only one. There is one such interface in a program. What the other
    /// cores must know of it is announced here: they are started later.
    ///
    /// # Errors
    /// There are no rings for frames, or they are too short; this is not the first core.
    pub fn first(netif: N, core: Core) -> Result<Self, SteerError> {
        if core.is_alone() {
            return Ok(Self(Place::Alone(netif)));
        }
        First::new(netif, core).map(|first| Self(Place::First(first)))
    }

    /// The interface of a core that is not the first. `event` is what the runtime of this core waits on, and what the bell of the
    /// core ends the wait for; so does what comes to `queues`, if the device has any for this core.
    ///
    /// # Errors
    /// The first core has not opened the device; this is the first core.
    pub fn other(core: Core, event: N::Event, queues: Option<Q>) -> Result<Self, SteerError> {
        Other::new(core, event, queues).map(|other| Self(Place::Other(other)))
    }

    /// The device, on the core that has it.
    pub fn netif(&self) -> Option<&N> {
        match &self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => Some(netif),
            Place::Other(_) => None,
        }
    }

    /// The device, to be changed.
    pub fn netif_mut(&mut self) -> Option<&mut N> {
        match &mut self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => Some(netif),
            Place::Other(_) => None,
        }
    }

    /// What this core counted. Those of the device are not in it.
    pub fn stats(&self) -> Counters {
        match &self.0 {
            Place::Alone(_) => Counters::default(),
            Place::First(first) => first.counters,
            Place::Other(other) => other.counters,
        }
    }
}

impl<N: Netif, Q: Netif<Error = N::Error>> Netif for Steer<N, Q>
where
    N::Event: Clone,
{
    type Error = N::Error;
    type Event = N::Event;

    #[inline]
    fn mac(&self) -> MacAddr {
        match &self.0 {
            Place::Alone(netif) => netif.mac(),
            Place::First(first) => first.mac(),
            Place::Other(other) => other.mac,
        }
    }

    #[inline]
    fn mtu(&self) -> usize {
        match &self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => netif.mtu(),
            Place::Other(other) => other.mtu(),
        }
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        match &self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => netif.offloads(),
            Place::Other(other) => other.offloads(),
        }
    }

    /// On a core without the device, the room in the ring to the first core. That core empties it without an event here: as with
    /// each interface, who has found no room looks again.
    #[inline]
    fn room(&self) -> usize {
        match &self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => netif.room(),
            Place::Other(other) => other.room(),
        }
    }

    fn link_up(&self) -> bool {
        match &self.0 {
            Place::Alone(netif) => netif.link_up(),
            Place::First(first) => first.link_up(),
            Place::Other(other) => other.link_up(),
        }
    }

    /// On a core without the device the event reports it: the first core wakes the others.
    fn link_interval(&self) -> Option<Duration> {
        self.netif().and_then(Netif::link_interval)
    }

    fn event(&self) -> N::Event {
        match &self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => netif.event(),
            Place::Other(other) => other.event.clone(),
        }
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        match &mut self.0 {
            Place::Alone(netif) => netif.receive(region),
            Place::First(first) => first.receive(region),
            Place::Other(other) => other.receive(region),
        }
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), N::Error> {
        match &mut self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => {
                netif.transmit(frame, offload)
            }
            Place::Other(other) => other.transmit(&frame, offload),
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => netif.describe(f),
            Place::Other(other) => write!(f, " on {}", other.mac),
        }
    }

    /// Those of the device, or of the queues of this core, and then those of this layer, if there are several cores.
    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        match &self.0 {
            Place::Alone(netif) | Place::First(First { netif, .. }) => netif.counters(visit),
            Place::Other(Other { queues: Some(queues), .. }) => queues.counters(visit),
            Place::Other(_) => {}
        }
        if !matches!(self.0, Place::Alone(_)) {
            self.stats().visit(visit);
        }
    }
}

impl<N: Netif, Q: Netif<Error = N::Error>> fmt::Debug for Steer<N, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.0 {
            Place::Alone(_) => "alone",
            Place::First(_) => "first",
            Place::Other(_) => "other",
        };
        f.debug_struct("Steer").field("place", &place).field("counters", &self.stats()).finish()
    }
}
