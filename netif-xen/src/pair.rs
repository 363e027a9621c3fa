//! A pair of rings: what is received comes by one, and what is sent goes by the other.

use core::time::Duration;

use layer::{Instant, Offloads, Payload, Rx, TxOffload};
use netif::{Family, RxFrame};
use rt_regions::{Exhausted, Region};
use rt_xen::{DomainId, Guest, Port};

use crate::{
    Broken, Counters, ProtocolViolation,
    rings::Offered,
    rx::{Received, RxQueue},
    segments::{LONGEST, SEGMENTS},
    tx::TxQueue,
    wire::{HEADER, LARGEST_HEADER},
};

/// How many receive requests are written before they are published, while frames are waiting.
const BATCH: u32 = 8;

/// How long a frame waits for room in the queue: many times what a running backend needs.
const ROOM_WITHIN: Duration = Duration::from_millis(20);

/// What the owner of a pair has to do something about.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The backend violated the protocol.
    Violation(ProtocolViolation),
    /// Xen refuses to notify the backend.
    Broken(Broken),
}

impl From<ProtocolViolation> for Trouble {
    fn from(violation: ProtocolViolation) -> Self {
        Self::Violation(violation)
    }
}

/// A pair of rings with an event channel, and what was agreed about their frames.
pub(crate) struct Pair {
    /// Our end of the event channel.
    pub(crate) port: Option<Port>,
    pub(crate) rx: RxQueue,
    pub(crate) tx: TxQueue,
    /// The MTU in bytes.
    pub(crate) mtu: usize,
    /// The work on frames that this backend does, if backends may be asked for that and may leave such work to us.
    pub(crate) offloads: Option<Offloads>,
    pub(crate) counters: Counters,
}

impl Pair {
    /// Takes buffers. Their tables are in `memory`.
    ///
    /// # Errors
    /// The pool has not so many pages, or the tables do not fit.
    pub(crate) fn new(
        guest: &dyn Guest,
        memory: &'static Region<'static>,
        wants_offloads: bool,
    ) -> Result<Self, Exhausted> {
        Ok(Self {
            port: None,
            rx: RxQueue::new(guest.pool(), memory, wants_offloads)?,
            tx: TxQueue::new(guest.pool(), memory, wants_offloads)?,
            mtu: 0,
            offloads: wants_offloads.then_some(Offloads::NONE),
            counters: Counters::default(),
        })
    }

    /// Lends what is not lent yet: buffers to receive into, and pages to send from.
    #[inline]
    pub(crate) fn refill(&mut self, guest: &dyn Guest) {
        self.rx.refill(guest);
        self.tx.refill(guest);
    }

    /// Removes the rings, and ends all grants that the backend has released.
    pub(crate) fn disconnect(&mut self, guest: &dyn Guest) {
        self.port = None;
        self.rx.disconnect();
        self.tx.disconnect();
        self.sweep(guest);
    }

    /// Takes back the buffers that the backend has released since.
    pub(crate) fn sweep(&mut self, guest: &dyn Guest) {
        self.rx.buffers.sweep(guest);
        self.tx.buffers.sweep(guest);
    }

    /// How many buffers the backend has not released. It is called while there is no connection.
    pub(crate) fn still_lent(&self) -> usize {
        self.rx.buffers.still_lent() + self.tx.buffers.still_lent()
    }

    /// Begins with empty rings in these pages, and with this channel.
    ///
    /// # Safety
    /// They are two whole pages, aligned as such, and mapped until [`disconnect`](Self::disconnect); nobody else here touches them.
    pub(crate) unsafe fn begin(
        &mut self,
        guest: &dyn Guest,
        Offered { rings: [tx, rx], port, .. }: Offered,
        backend: DomainId,
        start: u32,
    ) {
        // A page holds one frame of a length that only segments beyond the MTU have.
        let longest = match SEGMENTS && self.offloads.is_some() {
            true => LONGEST,
            false => self.mtu + LARGEST_HEADER,
        };
        // SAFETY: as the caller promises.
        unsafe { self.tx.begin(tx, backend, longest, start) };
        // SAFETY: as above.
        unsafe { self.rx.begin(rx, backend, start) };
        self.port = Some(port);
        self.refill(guest);
    }

    /// How many of the longest frames there is room for.
    pub(crate) fn room(&self) -> usize {
        self.tx.room(self.mtu + LARGEST_HEADER)
    }

    /// The work on frames that the backend does.
    #[inline]
    pub(crate) fn offloads(&self) -> Offloads {
        self.offloads.filter(|_| SEGMENTS).unwrap_or_default()
    }

    /// Notifies the backend of all published requests, if it asked for that.
    #[inline]
    fn notify(&mut self, guest: &impl Guest) -> Result<(), Trouble> {
        let rx = self.rx.ring.as_mut().is_some_and(|ring| ring.must_notify());
        let tx = self.tx.ring.as_mut().is_some_and(|ring| ring.must_notify());
        if rx | tx
            && let Some(port) = self.port
        {
            self.counters.notifications += 1;
            guest.notify(port).map_err(|errno| Trouble::Broken(Broken(errno)))?;
        }
        Ok(())
    }

    /// Publishes the buffers that are free again.
    #[inline]
    pub(crate) fn show_buffers(&mut self, batch: u32) {
        if let Some(ring) = &mut self.rx.ring
            && ring.unpublished() >= batch
        {
            ring.publish();
        }
    }

    /// The next frame, as [`Netif::receive`](netif::Netif::receive) returns it.
    ///
    /// # Errors
    /// [`Trouble`].
    #[inline]
    pub(crate) fn receive<'r>(
        &mut self,
        guest: &impl Guest,
        region: &'r Region<'_>,
    ) -> Result<Rx<RxFrame<'r>>, Trouble> {
        // Notifies the backend of the frames that were sent since the last call, before any other work.
        self.notify(guest)?;
        let longest = self.mtu + LARGEST_HEADER;
        let joined = self.offloads.is_some();
        Ok(match self.rx.receive(guest, region, longest, joined, &mut self.counters)? {
            Received::Frame(frame) => {
                self.show_buffers(BATCH);
                Rx::Item(frame)
            }
            Received::Lost => {
                self.show_buffers(BATCH);
                Rx::Handled
            }
            Received::Nothing if self.settle(guest)? => Rx::Handled,
            Received::Nothing => Rx::Idle,
        })
    }

    /// The last check before the runtime sleeps while there is nothing to receive. Returns whether there is something
    /// after all.
    fn settle(&mut self, guest: &impl Guest) -> Result<bool, Trouble> {
        self.refill(guest);
        self.show_buffers(1);
        self.notify(guest)?;
        let Some(ring) = &mut self.rx.ring else { return Ok(false) };
        Ok(ring.final_check()?
            || (SEGMENTS && self.offloads.is_some() && self.tx.settle(&mut self.counters)?))
    }

    /// The length in bytes of the longest frame like `frame`, of which `offload` was left undone: 0 if the backend does not do
    /// that.
    #[inline]
    fn longest(&self, frame: &dyn Payload, offload: TxOffload) -> usize {
        let offloads = self.offloads();
        match offload {
            _ if !SEGMENTS => self.mtu + LARGEST_HEADER,
            TxOffload { checksum: Some(_), .. } if !offloads.checksum => 0,
            TxOffload { segment_size: None, .. } => self.mtu + LARGEST_HEADER,
            TxOffload { checksum: Some(checksum), segment_size: Some(_) }
                if checksum.is_tcp() && Family::of(frame).is_cut(offloads) =>
            {
                LONGEST
            }
            _ => 0,
        }
    }

    /// Sends a frame, or counts why not.
    ///
    /// # Errors
    /// [`Trouble`].
    #[inline]
    pub(crate) fn transmit(
        &mut self,
        guest: &impl Guest,
        is_connected: bool,
        frame: &dyn Payload,
        offload: TxOffload,
    ) -> Result<(), Trouble> {
        let length = frame.len();
        if length < HEADER || length > self.longest(frame, offload) {
            self.counters.tx_bad_length += 1;
            return Ok(());
        }
        if !is_connected {
            self.counters.tx_interface_down += 1;
            return Ok(());
        }
        let mut deadline = None;
        loop {
            match self.tx.send(frame, length, offload, &mut self.counters) {
                Ok(true) => {
                    self.counters.frames_tx += 1;
                    self.counters.bytes_tx += length as u64;
                    let is_long = SEGMENTS && offload.segment_size.is_some();
                    if is_long || self.tx.is_half_unnotified() {
                        self.notify(guest)?;
                    }
                    return Ok(());
                }
                Ok(false) if self.wait_for_room(guest, length, &mut deadline)? => {}
                Ok(false) => {
                    self.counters.tx_queue_full += 1;
                    return Ok(());
                }
                Err(violation) => {
                    self.counters.tx_interface_down += 1;
                    return Err(violation.into());
                }
            }
        }
    }

    /// Waits for room for a frame of this many bytes: sleeps until the backend has answered a request, or until the
    /// deadline, which the first call for a frame sets. Returns whether to try again.
    ///
    /// No response is missed: the backend is asked for an event before the ring is read for the last time. So a
    /// response is either seen there, or makes the port pending, which ends the sleep at once. An event that was
    /// pending before, mostly for received frames, ends the first sleep early. The sleep clears it, and the next sleep
    /// lasts.
    ///
    /// No received frame is missed, though its event is cleared here. The runtime sleeps only after `receive` has
    /// returned `Rx::Idle` and no frame was sent since. Then `receive` has read the receive ring after it asked for the
    /// next event (`settle`), and its owner has looked for all else.
    #[cold]
    #[inline(never)]
    fn wait_for_room(
        &mut self,
        guest: &impl Guest,
        length: usize,
        deadline: &mut Option<Instant>,
    ) -> Result<bool, Trouble> {
        if !self.tx.may_wait(length) {
            return Ok(false);
        }
        let now = guest.now();
        let until = *deadline.get_or_insert_with(|| {
            self.counters.tx_waited += 1;
            now + ROOM_WITHIN
        });
        if now >= until {
            self.tx.give_up();
            return Ok(false);
        }
        self.notify(guest)?;
        if !self.tx.is_answered() {
            guest.sleep(self.port, until);
        }
        Ok(true)
    }
}
