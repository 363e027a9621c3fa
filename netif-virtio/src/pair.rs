//! A pair of queues: what is received comes by one, and what is sent goes by the other.

use core::time::Duration;

use layer::{Instant, Offloads, Payload, Rx, TxOffload};
use netif::{Family, RxFrame};
use rt_regions::Region;
use virtio_drivers::transport::Transport;

use crate::{
    Counters, Guest, ProtocolViolation,
    buffer::Buffers,
    features::{CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, MRG_RXBUF},
    header::{ETHERNET, Joined, LARGEST_ETHERNET},
    negotiation::{RX, TX},
    queue::Queue,
    rx::{Received, RxQueue, Terms},
    segments::{LONGEST, SEGMENTS},
    tx::TxQueue,
};

/// How many receive buffers are made available before they are published, while frames are waiting.
const BATCH: u16 = 8;

/// How long a frame waits for room in the queue: many times what a running device needs.
const ROOM_WITHIN: Duration = Duration::from_millis(20);

/// Who tells the device that there is something in a queue.
pub(crate) trait Notify {
    /// Notifies the device of the queue with this number.
    fn notify(&mut self, queue: u16);
}

impl<T: Transport> Notify for T {
    #[inline]
    fn notify(&mut self, queue: u16) {
        Transport::notify(self, queue);
    }
}

/// Why a frame was not sent.
pub(crate) enum Trouble {
    /// The device violated the protocol.
    Violation(ProtocolViolation),
    /// It does not take what was sent before.
    Stuck,
}

/// Whether a frame that has found no room is tried again.
enum Wait {
    Again,
    /// There will be no room for it.
    No,
    /// It has waited in vain.
    InVain,
}

/// A pair of queues, and what was agreed about their frames.
pub(crate) struct Pair {
    /// The number of the queue of received frames. That of frames to send is the next.
    #[cfg(feature = "cores")]
    first: u16,
    pub(crate) rx: RxQueue,
    pub(crate) tx: TxQueue,
    pub(crate) terms: Terms,
    /// The work on frames that the device does.
    pub(crate) offloads: Offloads,
    pub(crate) counters: Counters,
}

impl Pair {
    /// The pair of queues of a core, by its number.
    #[inline]
    pub(crate) fn new(#[cfg(feature = "cores")] core: usize, rx: RxQueue, tx: TxQueue) -> Self {
        Self {
            #[cfg(feature = "cores")]
            first: 2 * core as u16,
            rx,
            tx,
            terms: Terms { mtu: 0, spread: false, checksums: false, joined: Joined::NEVER },
            offloads: Offloads::NONE,
            counters: Counters::default(),
        }
    }

    /// Takes over what was agreed with the device: the features, and the MTU in bytes.
    pub(crate) fn agree(&mut self, features: u64, mtu: usize) {
        let has = |feature: u64| features & feature != 0;
        self.terms = Terms {
            mtu,
            spread: has(MRG_RXBUF),
            checksums: has(GUEST_CSUM),
            joined: Joined { ipv4: has(GUEST_TSO4), ipv6: has(GUEST_TSO6) },
        };
        self.offloads = Offloads {
            checksum: SEGMENTS && has(CSUM),
            tcp_segmentation: SEGMENTS && has(HOST_TSO4),
            tcp_segmentation_ipv6: SEGMENTS && has(HOST_TSO6),
            ..Offloads::NONE
        };
    }

    /// Begins with empty queues, which `make` makes for [`RX`] and [`TX`] in their pages, and lends all buffers. The device was reset.
    pub(crate) fn begin(
        &mut self,
        guest: &impl Guest,
        mut make: impl FnMut(u16, &mut Buffers) -> Queue,
    ) {
        self.rx.queue = Some(make(RX, &mut self.rx.buffers));
        self.tx.queue = Some(make(TX, &mut self.tx.buffers));
        let Offloads { tcp_segmentation, tcp_segmentation_ipv6, .. } = self.offloads;
        let longest = match tcp_segmentation || tcp_segmentation_ipv6 {
            true => LONGEST,
            false => self.terms.mtu + LARGEST_ETHERNET,
        };
        self.tx.fill(guest, longest);
        self.rx.fill(guest);
    }

    /// Takes all pages back. The device was reset.
    pub(crate) fn disconnect(&mut self, guest: &impl Guest) {
        self.rx.disconnect(guest);
        self.tx.disconnect(guest);
    }

    /// How many of the longest frames there is room for.
    pub(crate) fn room(&self) -> usize {
        self.tx.room(self.terms.mtu + LARGEST_ETHERNET)
    }

    /// Notifies the device of all published buffers and frames, if it asked for that.
    #[inline]
    pub(crate) fn notify(&mut self, device: &mut impl Notify) {
        #[cfg(feature = "cores")]
        let first = self.first;
        #[cfg(not(feature = "cores"))]
        let first = 0;
        for (number, queue) in [(RX, &mut self.rx.queue), (TX, &mut self.tx.queue)] {
            if queue.as_mut().is_some_and(|queue| queue.must_notify()) {
                self.counters.notifications += 1;
                device.notify(first + number);
            }
        }
    }

    /// Publishes the buffers that are free again, if there are so many.
    #[inline]
    pub(crate) fn show_buffers(&mut self, batch: u16) {
        if let Some(queue) = &mut self.rx.queue
            && queue.unpublished() >= batch
        {
            queue.publish();
        }
    }

    /// The next frame, as [`Netif::receive`](netif::Netif::receive) returns it.
    ///
    /// # Errors
    /// The device violated the protocol.
    #[inline]
    pub(crate) fn receive<'r>(
        &mut self,
        device: &mut impl Notify,
        guest: &impl Guest,
        region: &'r Region<'_>,
    ) -> Result<Rx<RxFrame<'r>>, ProtocolViolation> {
        // Notifies the device of the frames that were sent since the last call, before any other work.
        self.notify(device);
        Ok(match self.rx.receive(guest, region, &self.terms, &mut self.counters)? {
            Received::Frame(frame) => {
                self.show_buffers(BATCH);
                Rx::Item(frame)
            }
            Received::Lost => {
                self.show_buffers(BATCH);
                Rx::Handled
            }
            Received::Nothing if self.settle(device)? => Rx::Handled,
            Received::Nothing => Rx::Idle,
        })
    }

    /// The last check before the runtime sleeps while there is nothing to receive. Returns whether there is something after
    /// all.
    ///
    /// # Errors
    /// The device violated the protocol.
    fn settle(&mut self, device: &mut impl Notify) -> Result<bool, ProtocolViolation> {
        self.show_buffers(1);
        self.notify(device);
        let Some(queue) = &mut self.rx.queue else { return Ok(false) };
        Ok(queue.final_check()? || self.tx.settle()?)
    }

    /// The length in bytes of the longest frame like `frame`, of which `offload` was left undone: 0 if the device does not do
    /// that.
    #[inline]
    fn longest(&self, frame: &dyn Payload, offload: TxOffload) -> usize {
        let whole = self.terms.mtu + LARGEST_ETHERNET;
        match offload {
            TxOffload { checksum: None, segment_size: None } => whole,
            _ if !SEGMENTS => 0,
            TxOffload { checksum: Some(_), .. } if !self.offloads.checksum => 0,
            TxOffload { segment_size: None, .. } => whole,
            TxOffload { checksum: Some(checksum), segment_size: Some(_) }
                if checksum.is_tcp() && Family::of(frame).is_cut(self.offloads) =>
            {
                LONGEST
            }
            _ => 0,
        }
    }

    /// Sends a frame, or counts why not.
    ///
    /// # Errors
    /// What the caller has to do something about.
    #[inline]
    pub(crate) fn transmit(
        &mut self,
        device: &mut impl Notify,
        guest: &impl Guest,
        frame: &dyn Payload,
        offload: TxOffload,
    ) -> Result<(), Trouble> {
        let length = frame.len();
        if length < ETHERNET || length > self.longest(frame, offload) {
            self.counters.tx_bad_length += 1;
            return Ok(());
        }
        let mut deadline = None;
        loop {
            match self.tx.send(frame, length, offload) {
                Ok(true) => {
                    self.counters.frames_tx += 1;
                    self.counters.bytes_tx += length as u64;
                    let is_long = SEGMENTS && offload.segment_size.is_some();
                    if is_long || self.tx.is_half_unnotified() {
                        self.notify(device);
                    }
                    return Ok(());
                }
                Ok(false) => match self.wait_for_room(device, guest, length, &mut deadline) {
                    Wait::Again => continue,
                    wait => {
                        self.counters.tx_queue_full += 1;
                        return if matches!(wait, Wait::No) { Ok(()) } else { Err(Trouble::Stuck) };
                    }
                },
                Err(violation) => return Err(Trouble::Violation(violation)),
            }
        }
    }

    /// Waits until there may be room for a frame of this many bytes: sleeps until the device has used a buffer, or until the
    /// deadline, which the first call for a frame sets.
    ///
    /// No used buffer is missed: the device is asked for an interrupt before the queue is read for the last time. So a used
    /// buffer is either seen there, or interrupts, which ends the sleep at once. An interrupt that came before, mostly for
    /// received frames, ends the first sleep early, and the next sleep lasts.
    ///
    /// No received frame is missed, though its interrupt may end a sleep here. The runtime sleeps only after `receive` has
    /// returned `Rx::Idle` and no frame was sent since. Then `receive` has read the receive queue after it asked for the
    /// next interrupt (`settle`).
    #[cold]
    #[inline(never)]
    fn wait_for_room(
        &mut self,
        device: &mut impl Notify,
        guest: &impl Guest,
        length: usize,
        deadline: &mut Option<Instant>,
    ) -> Wait {
        if !self.tx.may_wait(length) {
            return Wait::No;
        }
        let now = guest.now();
        let until = *deadline.get_or_insert_with(|| {
            self.counters.tx_waited += 1;
            now + ROOM_WITHIN
        });
        if now >= until {
            self.tx.give_up();
            return Wait::InVain;
        }
        self.notify(device);
        if !self.tx.is_answered() {
            guest.sleep(until);
        }
        Wait::Again
    }
}
