//! Sending a frame: whether it can be sent, with what was left undone in it, and the wait if the queue is full.

use layer::{Offloads, Payload, TxOffload};
use netif::Family;
use rt_xen::Guest;

use super::Interface;
use crate::{
    Broken,
    segments::{LONGEST, SEGMENTS},
    wire::{HEADER, LARGEST_HEADER},
};

impl Interface {
    /// The work on frames that the backend does.
    #[inline]
    pub(super) fn offloads(&self) -> Offloads {
        self.offloads.filter(|_| SEGMENTS).unwrap_or_default()
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

    /// Sends a frame.
    #[inline(never)]
    pub(super) fn transmit(
        &mut self,
        guest: &impl Guest,
        frame: &dyn Payload,
        offload: TxOffload,
    ) -> Result<(), Broken> {
        let length = frame.len();
        if length < HEADER || length > self.longest(frame, offload) {
            self.counters.tx_bad_length += 1;
            return Ok(());
        }
        if !self.is_connected() {
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
                    self.fail_backend(guest, violation);
                    return Ok(());
                }
            }
        }
    }
}
