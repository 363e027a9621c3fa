//! The first core, which has the device.

use core::cell::Cell;

use cores::{Channel, Core, Spread};
use layer::{Offloads, Payload, Rx};
use netif::{MacAddr, Netif, RxFrame, RxMarks};
use rt_regions::Region;

use crate::{
    SteerError,
    head::{HEAD_LEN, offload},
    notice::{self, State},
    steer::Counters,
};

/// How many frames of other cores are sent before one is received.
const FRAMES_A_TURN: usize = 16;
/// The longest Ethernet header, with a VLAN tag, in bytes.
pub(crate) const LONGEST_HEADER: usize = 18;
/// The longest packet of IPv4 and IPv6, in bytes.
const LONGEST_PACKET: usize = 65_535;

/// The device, and the way to the other cores.
#[derive(Debug)]
pub(crate) struct First<N> {
    pub(crate) netif: N,
    core: Core,
    spread: Spread,
    /// What was announced last.
    state: Cell<State>,
    pub(crate) counters: Counters,
}

impl<N: Netif> First<N> {
    pub(crate) fn new(netif: N, core: Core) -> Result<Self, SteerError> {
        if !core.is_first() {
            return Err(SteerError::NotFirst);
        }
        let most = core.max_len(1, Channel::Wire);
        if most == 0 {
            return Err(SteerError::NoWire);
        }
        let state = State::of(&netif);
        let longest = longest_frame(state);
        if HEAD_LEN + longest > most {
            return Err(SteerError::TooShort { longest, most: most.saturating_sub(HEAD_LEN) });
        }
        state.announce(core);
        notice::announce_address(core, netif.mac());
        let spread = Spread::new(core.shared_seed().unwrap_or_default(), core.count());
        Ok(Self { netif, core, spread, state: Cell::new(state), counters: Counters::default() })
    }

    pub(crate) fn mac(&self) -> MacAddr {
        self.netif.mac()
    }

    /// Whether frames leave. What has changed is told to the other cores.
    pub(crate) fn link_up(&self) -> bool {
        self.refresh().link_up
    }

    /// Looks at the device. If it has changed, the others look as well: an empty message wakes those that sleep. One that has no
    /// room for it is awake, or has been woken.
    fn refresh(&self) -> State {
        let state = State::of(&self.netif);
        if self.state.replace(state) != state {
            state.announce(self.core);
            for other in self.core.others() {
                self.core.send(other, Channel::Wire, 0, &[0; 0]);
            }
        }
        state
    }

    #[inline]
    pub(crate) fn receive<'r>(
        &mut self,
        region: &'r Region<'_>,
    ) -> Result<Rx<RxFrame<'r>>, N::Error> {
        let was_busy = self.send_for_others()?;
        Ok(match self.netif.receive(region)? {
            Rx::Item(frame) => self.sort(frame),
            Rx::Handled => Rx::Handled,
            Rx::Idle => {
                if self.netif.link_interval().is_none() {
                    self.refresh();
                }
                if was_busy { Rx::Handled } else { Rx::Idle }
            }
        })
    }

    /// Keeps a frame that is for this core, or passes it to the one that it is for. A device that spreads frames by itself gives this
    /// core those that are for it.
    #[inline]
    fn sort<'r>(&mut self, frame: RxFrame<'r>) -> Rx<RxFrame<'r>> {
        if self.netif.is_spread() {
            return Rx::Item(frame);
        }
        let to = self.spread.core_of(frame.bytes);
        if to == self.core.index() {
            return Rx::Item(frame);
        }
        let bits = RxMarks::of(&frame).to_bits();
        let is_passed = self.core.send(to, Channel::Wire, bits, &frame.bytes);
        self.counters.steered += u64::from(is_passed);
        self.counters.not_steered += u64::from(!is_passed);
        Rx::Handled
    }

    /// Sends some of what other cores have put into their rings; whether there was anything. Half of the room that the device has
    /// is left to this core. A device without room is given one frame, which it sends, or waits with, or drops and counts, as it does with
    /// this core's own. So the rings are emptied even if nothing leaves.
    #[inline]
    fn send_for_others(&mut self) -> Result<bool, N::Error> {
        let kept = self.netif.room() / 2;
        for nth in 0..FRAMES_A_TURN {
            if nth > 0 && self.netif.room() <= kept {
                return Ok(true);
            }
            let Some((_, message)) = self.core.receive(Channel::Wire) else { return Ok(nth > 0) };
            // All messages of other cores have a head.
            let Some(frame) = message.tail(HEAD_LEN) else { continue };
            let mut head = [0; HEAD_LEN];
            message.copy_to(&mut head);
            self.counters.sent_for_others += 1;
            let frame: &dyn Payload = &frame;
            self.netif.transmit(frame, offload(head))?;
        }
        Ok(true)
    }
}

/// The longest frame of an interface, in bytes: one that cuts what is sent joins what is received.
fn longest_frame(State { mtu, offloads, .. }: State) -> usize {
    let Offloads { udp_fragmentation, tcp_segmentation, tcp_segmentation_ipv6, .. } = offloads;
    let cuts = udp_fragmentation || tcp_segmentation || tcp_segmentation_ipv6;
    LONGEST_HEADER + if cuts { mtu.max(LONGEST_PACKET) } else { mtu }
}

/// How many bytes a frame of this length takes in a ring, with all heads.
pub(crate) fn ring_bytes(length: usize) -> usize {
    /// The head of a message.
    const MESSAGE_HEAD: usize = 8;
    MESSAGE_HEAD + HEAD_LEN + length.next_multiple_of(8)
}
