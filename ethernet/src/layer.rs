//! The layer: hands up frames for us, and sends our frames.

use core::{fmt, time::Duration};

use layer::{Counter, Instant, Layer, Offloads, Payload, Rx, Setup, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::Region;

use crate::{EtherType, EthernetHeader, Frame, HEADER_LEN, Link, MIN_PAYLOAD, ParseError};

/// How many multicast groups a station can join.
pub const MAX_GROUPS: usize = 16;

/// The padding of a short frame (RFC 894).
const PADDING: [u8; MIN_PAYLOAD] = [0; MIN_PAYLOAD];

layer::counters! {
    /// What the Ethernet layer counted.
    pub struct Counters of "ethernet" {
        /// Frames handed up.
        frames_rx,
        /// Frames sent.
        frames_tx,
        /// Dropped: shorter than a header.
        runts,
        /// Dropped: shorter than their length field says, or with a field that is neither a length nor a
        /// type.
        malformed,
        /// Dropped: IEEE 802 without an EtherType, such as the frames between bridges (spanning tree).
        llc,
        /// Dropped: for another station, or for a group that was not joined.
        not_for_us,
        /// Dropped: from a group address, which no station has, or from our own address.
        bad_source,
        /// Handed up, but no layer claimed the EtherType.
        unknown_ethertype,
        /// Not sent: longer than the MTU, and not to be cut by the interface.
        too_long,
    }
}

/// Ethernet II over a network interface `N`.
#[derive(Debug)]
pub struct Ethernet<N> {
    netif: N,
    groups: [MacAddr; MAX_GROUPS],
    group_count: usize,
    counters: Counters,
    log: bool,
}

impl<N> Ethernet<N> {
    /// The layer over `netif`.
    pub fn new(netif: N) -> Self {
        Self {
            netif,
            groups: [MacAddr::UNSPECIFIED; MAX_GROUPS],
            group_count: 0,
            counters: Counters::default(),
            log: false,
        }
    }

    fn is_member(&self, group: MacAddr) -> bool {
        group.is_broadcast() || self.groups[..self.group_count].contains(&group)
    }

    /// The interface below.
    pub fn netif(&self) -> &N {
        &self.netif
    }

    /// The interface below, to be changed.
    pub fn netif_mut(&mut self) -> &mut N {
        &mut self.netif
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }
}

impl<N: Netif> Ethernet<N> {
    /// Keeps the frames that are for us.
    fn filter<'r>(&mut self, frame: RxFrame<'r>) -> Rx<Frame<'r>> {
        let counters = &mut self.counters;
        let (header, ethertype, payload) = match EthernetHeader::parse(frame.bytes) {
            Ok(parsed) => parsed,
            Err(error) => {
                match error {
                    ParseError::Runt => counters.runts += 1,
                    ParseError::Length => counters.malformed += 1,
                    ParseError::Llc => counters.llc += 1,
                }
                return Rx::Handled;
            }
        };
        let (mac, &EthernetHeader { destination, source, .. }) = (self.netif.mac(), header);
        if destination != mac && !self.is_member(destination) {
            self.counters.not_for_us += 1;
            return Rx::Handled;
        }
        if !source.is_station() || source == mac {
            self.counters.bad_source += 1;
            return Rx::Handled;
        }
        self.counters.frames_rx += 1;
        layer::log!(self.log, "ethernet: received {}, {} bytes", header, payload.len());
        let RxFrame { checksums, segment_size, .. } = frame;
        Rx::Item(Frame { destination, source, ethertype, payload, checksums, segment_size })
    }
}

impl<N: Netif> Ethernet<N> {
    /// Sends a payload in a frame, filled up if it is short.
    #[inline]
    fn transmit<P: Payload>(
        &mut self,
        destination: MacAddr,
        ethertype: EtherType,
        payload: P,
        offload: TxOffload,
    ) -> Result<(), N::Error> {
        if payload.len() > self.netif.mtu() && offload.segment_size.is_none() {
            self.counters.too_long += 1;
            return Ok(());
        }
        let header = EthernetHeader::new(destination, self.netif.mac(), ethertype);
        layer::log!(self.log, "ethernet: sent {}, {} bytes", header, payload.len());
        self.counters.frames_tx += 1;
        let offload = offload.shifted(HEADER_LEN as u16);
        let padding = &PADDING[payload.len().min(MIN_PAYLOAD)..];
        if padding.is_empty() {
            self.netif.transmit((header, payload), offload)
        } else {
            // Few frames are short: one copy of the code for all of them.
            let payload: &dyn Payload = &payload;
            self.netif.transmit((header, (payload, padding)), offload)
        }
    }
}

impl<N: Netif> Layer for Ethernet<N> {
    type Error = N::Error;
    type Event = N::Event;
    type Item<'r> = Frame<'r>;

    fn event(&self) -> N::Event {
        self.netif.event()
    }

    fn receive<'r>(
        &mut self,
        _now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, N::Error> {
        Ok(match self.netif.receive(region)? {
            Rx::Item(frame) => self.filter(frame),
            Rx::Handled => Rx::Handled,
            Rx::Idle => Rx::Idle,
        })
    }

    fn unclaimed(&mut self, _now: Instant, frame: Frame<'_>) -> Result<(), N::Error> {
        layer::log!(self.log, "ethernet: nobody wanted {}", frame.ethertype);
        self.counters.unknown_ethertype += 1;
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.netif.counters(visit);
        self.counters.visit(visit);
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        setup.turn_on("ethernet", &mut self.log);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.netif.describe(f)
    }
}

impl<N: Netif> Link for Ethernet<N> {
    fn mac(&self) -> MacAddr {
        self.netif.mac()
    }

    fn mtu(&self) -> usize {
        self.netif.mtu()
    }

    fn offloads(&self) -> Offloads {
        self.netif.offloads()
    }

    fn room(&self) -> usize {
        self.netif.room()
    }

    fn link_up(&self) -> bool {
        self.netif.link_up()
    }

    fn link_interval(&self) -> Option<Duration> {
        self.netif.link_interval()
    }

    fn join(&mut self, group: MacAddr) -> Result<(), JoinError> {
        if !group.is_group() {
            return Err(JoinError::NotAGroup(group));
        }
        if self.is_member(group) {
            return Ok(());
        }
        let place = self.groups.get_mut(self.group_count).ok_or(JoinError::Full)?;
        *place = group;
        self.group_count += 1;
        Ok(())
    }

    fn leave(&mut self, group: MacAddr) {
        if let Some(place) = self.groups[..self.group_count].iter().position(|&g| g == group) {
            self.group_count -= 1;
            self.groups.swap(place, self.group_count);
        }
    }

    fn send(
        &mut self,
        _now: Instant,
        destination: MacAddr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), N::Error> {
        self.transmit(destination, ethertype, layer::share(&payload), offload)
    }
}

/// Why a group could not be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The address is that of one station.
    NotAGroup(MacAddr),
    /// [`MAX_GROUPS`] are joined already.
    Full,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAGroup(mac) => write!(f, "{mac} is the address of a station, not of a group"),
            Self::Full => write!(f, "{MAX_GROUPS} groups are joined already, leave one first"),
        }
    }
}

impl core::error::Error for JoinError {}

#[cfg(test)]
mod tests;
