//! The wait of a frame for which the send queue has no room.

use core::time::Duration;

use layer::Instant;
use virtio_drivers::transport::Transport;

use super::Interface;
use crate::Guest;

/// How long a frame waits for room in the queue: many times what a running device needs.
const ROOM_WITHIN: Duration = Duration::from_millis(20);

impl Interface {
    /// Waits for room for a frame of this many bytes: sleeps until the device has used a buffer, or until the deadline,
    /// which the first call for a frame sets. Returns whether to try again.
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
    pub(super) fn wait_for_room(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
        length: usize,
        deadline: &mut Option<Instant>,
    ) -> bool {
        if !self.tx.may_wait(length) {
            return false;
        }
        let now = guest.now();
        let until = *deadline.get_or_insert_with(|| {
            self.counters.tx_waited += 1;
            now + ROOM_WITHIN
        });
        if now >= until {
            self.tx.give_up();
            // It may be gone: nothing else tells.
            self.look(transport, guest);
            return false;
        }
        self.notify(transport);
        if !self.tx.is_answered() {
            guest.sleep(until);
        }
        true
    }
}
