//! A core that has no device, and may have queues of it.

use cores::{Channel, Core};
use layer::{Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame, RxMarks};
use rt_regions::Region;

use crate::{
    SteerError,
    first::{LONGEST_HEADER, ring_bytes},
    head::head,
    notice,
    notice::State,
    steer::Counters,
};

/// How often the other cores are let go on before a frame that finds no room is dropped: some 20 ms.
const PAUSES: usize = 2000;

/// The way to the first core, the queues of this one, and what wakes it.
#[derive(Debug)]
pub(crate) struct Other<E, Q> {
    core: Core,
    pub(crate) event: E,
    pub(crate) queues: Option<Q>,
    pub(crate) mac: MacAddr,
    /// Whether the last frame that waited for room has waited in vain. None waits then until half of the ring is free.
    is_stuck: bool,
    pub(crate) counters: Counters,
}

impl<E, Q: Netif> Other<E, Q> {
    pub(crate) fn new(core: Core, event: E, queues: Option<Q>) -> Result<Self, SteerError> {
        if core.is_first() {
            return Err(SteerError::IsFirst);
        }
        if core.max_len(0, Channel::Wire) == 0 {
            return Err(SteerError::NoWire);
        }
        let mac = notice::announced_address(core).ok_or(SteerError::NotOpen)?;
        Ok(Self { core, event, queues, mac, is_stuck: false, counters: Counters::default() })
    }

    /// The state of the device, as the first core has seen it last.
    #[inline]
    fn state(&self) -> State {
        State::announced(self.core)
    }

    pub(crate) fn link_up(&self) -> bool {
        self.state().link_up
    }

    /// The queues of this core, while the device uses them.
    #[inline]
    fn in_use(&self) -> Option<&Q> {
        self.queues.as_ref().filter(|queues| queues.link_up())
    }

    #[inline]
    pub(crate) fn mtu(&self) -> usize {
        self.in_use().map_or_else(|| self.state().mtu, Netif::mtu)
    }

    #[inline]
    pub(crate) fn offloads(&self) -> Offloads {
        self.in_use().map_or_else(|| self.state().offloads, Netif::offloads)
    }

    /// How many of the longest frames the ring to the first core takes. They count as often as there are pieces if they are to be
    /// cut, and so many pieces take no more room alone.
    pub(crate) fn room(&self) -> usize {
        self.in_use().map_or_else(
            || self.core.room(0, Channel::Wire) / ring_bytes(LONGEST_HEADER + self.state().mtu),
            Netif::room,
        )
    }

    /// What the first core has passed on comes before what is in the queues of this one.
    #[inline]
    pub(crate) fn receive<'r>(
        &mut self,
        region: &'r Region<'_>,
    ) -> Result<Rx<RxFrame<'r>>, Q::Error> {
        let Some((_, message)) = self.core.receive(Channel::Wire) else {
            return match &mut self.queues {
                Some(queues) => queues.receive(region),
                None => Ok(Rx::Idle),
            };
        };
        // The device has changed: the layers above look at it when there is nothing else to do.
        if message.is_empty() {
            return Ok(Rx::Handled);
        }
        let Ok(bytes) = message.to_region(region) else {
            self.counters.exhausted += 1;
            return Ok(Rx::Handled);
        };
        self.counters.taken += 1;
        Ok(Rx::Item(RxMarks::from_bits(message.tag()).frame(bytes)))
    }

    #[inline]
    pub(crate) fn transmit(
        &mut self,
        frame: &dyn Payload,
        offload: TxOffload,
    ) -> Result<(), Q::Error> {
        if let Some(queues) = &mut self.queues
            && queues.link_up()
        {
            return queues.transmit(frame, offload);
        }
        let message = (head(offload), frame);
        if !self.core.has_room(0, Channel::Wire, message.len()) {
            self.wait(message.len());
        }
        let is_put = self.core.send(0, Channel::Wire, 0, &message);
        self.counters.handed_over += u64::from(is_put);
        self.counters.not_handed_over += u64::from(!is_put);
        Ok(())
    }

    /// Waits until the ring has room for a message of this length, but not for long. A first core that is stuck costs this time once, and not
    /// for each frame.
    #[cold]
    fn wait(&mut self, length: usize) {
        let most = self.core.max_len(0, Channel::Wire);
        if self.is_stuck && self.core.room(0, Channel::Wire) < most / 2 {
            return;
        }
        self.counters.waited += 1;
        for _ in 0..PAUSES {
            self.core.pause();
            if self.core.has_room(0, Channel::Wire, length) {
                self.is_stuck = false;
                return;
            }
        }
        self.is_stuck = true;
    }
}
