//! Sending a frame: whether it can be sent, with what was left undone in it, and the wait if the queue is full.

use layer::{Payload, TxOffload};
use virtio_drivers::transport::Transport;

use super::Interface;
use crate::{
    Guest,
    header::{ETHERNET, LARGEST_ETHERNET},
    segments::{LONGEST, SEGMENTS},
};

impl Interface {
    /// The length in bytes of the longest frame of which `offload` was left undone: 0 if the device does not do that.
    #[inline]
    fn longest(&self, offload: TxOffload) -> usize {
        let whole = self.terms.mtu + LARGEST_ETHERNET;
        match offload {
            TxOffload { checksum: None, segment_size: None } => whole,
            _ if !SEGMENTS => 0,
            TxOffload { checksum: Some(_), .. } if !self.offloads.checksum => 0,
            TxOffload { segment_size: None, .. } => whole,
            TxOffload { checksum: Some(checksum), segment_size: Some(_) }
                if checksum.is_tcp() && self.offloads.tcp_segmentation =>
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
        transport: &mut impl Transport,
        guest: &impl Guest,
        frame: &dyn Payload,
        offload: TxOffload,
    ) {
        let length = frame.len();
        if length < ETHERNET || length > self.longest(offload) {
            self.counters.tx_bad_length += 1;
            return;
        }
        let mut deadline = None;
        while self.is_ready() {
            match self.tx.send(frame, length, offload) {
                Ok(true) => {
                    self.counters.frames_tx += 1;
                    self.counters.bytes_tx += length as u64;
                    let is_long = SEGMENTS && offload.segment_size.is_some();
                    if is_long || self.tx.is_half_unnotified() {
                        self.notify(transport);
                    }
                    return;
                }
                Ok(false) if self.wait_for_room(transport, guest, length, &mut deadline) => {}
                Ok(false) => {
                    self.counters.tx_queue_full += 1;
                    return;
                }
                Err(violation) => self.fail_device(guest, violation),
            }
        }
        self.counters.tx_interface_down += 1;
    }
}
