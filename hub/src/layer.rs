//! The layer: a link that several cores use, each through a queue of its own.

use cores::{Channel, Core, Spread};
use ethernet::{EtherType, EthernetHeader, Frame, Link};
use layer::{Instant, Layer, Payload, Rx, TxOffload};
use netif::{MacAddr, RxMarks};
use rt_regions::Region;

use crate::concern::{Concern, LOOKED_AT, Origin, concern, may_leave};

layer::counters! {
    /// What the layer counted.
    pub struct Counters of "hub" {
        /// Frames that were copied to other cores, each as often as it was.
        copied_tx,
        /// Fragments that were passed on to the core that puts their datagram together.
        fragments_tx,
        /// Frames for the first core alone that were passed on to it.
        passed_tx,
        /// Frames that other cores copied or passed on to this one.
        frames_rx,
        /// Lost on the way to another core, which was behind.
        no_room,
        /// Lost on their way from another core: no memory.
        exhausted,
        /// Not sent, because another core says it.
        left_to_another,
    }
}

/// The link `L` of one core among several.
///
/// Each core has a queue of the interface, and a tower of its own on it. The interface spreads what it receives over the
/// queues. What each core must hear (ARP, Neighbour Discovery, queries for groups) is copied to all; fragments of one
/// datagram go to one core. What must be said once is said once: see [`may_leave`].
///
/// On the only core of a program, all frames pass.
#[derive(Debug)]
pub struct Hub<L> {
    link: L,
    core: Core,
    spread: Spread,
    /// Whether the frame that was handed up last was copied from another core.
    is_copied: bool,
    counters: Counters,
    log: bool,
}

impl<L> Hub<L> {
    /// The layer over `link`, for this core.
    pub fn new(link: L, core: Core) -> Self {
        let seed = core.shared_seed().unwrap_or_default();
        Self {
            link,
            core,
            spread: Spread::new(seed, core.count()),
            is_copied: false,
            counters: Counters::default(),
            log: false,
        }
    }

    /// The core that it is for.
    pub fn core(&self) -> Core {
        self.core
    }

    /// The link below.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// The link below, to be changed.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// Passes a frame to the core `to`.
    fn pass(&mut self, to: usize, frame: &Frame<'_>) -> bool {
        let header = EthernetHeader::new(frame.destination, frame.source, frame.ethertype);
        let &Frame { checksums, segment_size, .. } = frame;
        let tag = RxMarks { checksums, segment_size }.to_bits();
        let sent = self.core.send(to, Channel::Frames, tag, &(header, frame.payload));
        self.counters.no_room += u64::from(!sent);
        sent
    }

    /// The next frame from another core.
    fn heard<'r>(&mut self, region: &'r Region<'_>) -> Option<Rx<Frame<'r>>> {
        let (_, message) = self.core.receive(Channel::Frames)?;
        let RxMarks { checksums, segment_size } = RxMarks::from_bits(message.tag());
        let Ok(bytes) = message.to_region(region) else {
            self.counters.exhausted += 1;
            return Some(Rx::Handled);
        };
        // What another core has parsed can be parsed.
        let Ok((header, ethertype, payload)) = EthernetHeader::parse(bytes) else {
            return Some(Rx::Handled);
        };
        self.counters.frames_rx += 1;
        let &EthernetHeader { destination, source, .. } = header;
        Some(Rx::Item(Frame { destination, source, ethertype, payload, checksums, segment_size }))
    }

    /// What becomes of a frame that this core received.
    fn sort<'r>(&mut self, frame: Frame<'r>) -> Rx<Frame<'r>> {
        match concern(&self.spread, frame.ethertype, frame.payload) {
            Concern::Receiver => {}
            Concern::First if self.core.is_first() => {}
            Concern::First => {
                layer::log!(self.log, "hub: a datagram for the client of DHCP");
                self.counters.passed_tx += u64::from(self.pass(0, &frame));
                return Rx::Handled;
            }
            Concern::Everyone => {
                layer::log!(self.log, "hub: a frame for all cores, {}", frame.ethertype);
                for to in self.core.others() {
                    self.counters.copied_tx += u64::from(self.pass(to, &frame));
                }
            }
            Concern::Fragment(owner) => {
                if owner != self.core.index() {
                    layer::log!(self.log, "hub: a fragment for core {}", owner);
                    self.counters.fragments_tx += u64::from(self.pass(owner, &frame));
                    return Rx::Handled;
                }
            }
        }
        Rx::Item(frame)
    }
}

impl<L: Link> Layer for Hub<L> {
    type Item<'r> = Frame<'r>;

    layer::forward!(link: L, "hub"; unclaimed, next_deadline, ready, configure, describe, end);

    #[inline]
    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, L::Error> {
        if self.core.is_alone() {
            return self.link.receive(now, region);
        }
        // What others have heard comes first: what waits for it is waiting here.
        if let Some(heard) = self.heard(region) {
            self.is_copied = true;
            return Ok(heard);
        }
        Ok(match self.link.receive(now, region)? {
            Rx::Item(frame) => {
                self.is_copied = false;
                self.sort(frame)
            }
            other => other,
        })
    }
}

impl<L: Link> Link for Hub<L> {
    fn mac(&self) -> MacAddr {
        self.link.mac()
    }

    fn mtu(&self) -> usize {
        self.link.mtu()
    }

    fn limit_mtu(&mut self, mtu: Option<usize>) -> bool {
        self.link.limit_mtu(mtu)
    }

    fn offloads(&self) -> layer::Offloads {
        self.link.offloads()
    }

    fn room(&self) -> usize {
        self.link.room()
    }

    fn link_up(&self) -> bool {
        self.link.link_up()
    }

    fn link_interval(&self) -> Option<core::time::Duration> {
        self.link.link_interval()
    }

    fn join(&mut self, group: MacAddr) -> Result<(), ethernet::JoinError> {
        self.link.join(group)
    }

    fn leave(&mut self, group: MacAddr) {
        self.link.leave(group);
    }

    #[inline]
    fn send(
        &mut self,
        now: Instant,
        destination: MacAddr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), L::Error> {
        if !self.core.is_alone() && ethertype != EtherType::IPV4 {
            let mut beginning = [0; LOOKED_AT];
            let beginning = &mut beginning[..LOOKED_AT.min(payload.len())];
            payload.copy_to(0, beginning);
            let origin = Origin { is_first: self.core.is_first(), is_copied: self.is_copied };
            if !may_leave(origin, ethertype, beginning) {
                self.counters.left_to_another += 1;
                return Ok(());
            }
        }
        self.link.send(now, destination, ethertype, payload, offload)
    }
}
