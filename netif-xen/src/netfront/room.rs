//! The wait of a frame for which the send queue has no room.

use core::time::Duration;

use layer::Instant;
use rt_xen::Guest;

use super::Interface;
use crate::Broken;

/// How long a frame waits for room in the queue: many times what a running backend needs.
const ROOM_WITHIN: Duration = Duration::from_millis(20);

impl Interface {
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
    /// next event (`settle`), and has checked the watches.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_for_room(
        &mut self,
        guest: &impl Guest,
        length: usize,
        deadline: &mut Option<Instant>,
    ) -> Result<bool, Broken> {
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
