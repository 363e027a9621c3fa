//! What a frame does for which the send queue has no room.

use core::time::Duration;

use layer::Instant;
use rt_xen::Guest;

use super::Interface;
use crate::Broken;

/// How long a frame waits for room in the queue: many times what a backend takes that runs.
const ROOM_WITHIN: Duration = Duration::from_millis(20);

impl Interface {
    /// There is no room for a frame of so many bytes: sleeps until the backend has answered something, or
    /// until the deadline, which the first call for a frame sets. Says whether to try again.
    ///
    /// No response is missed: the backend is asked for an event before the ring is looked at for the last
    /// time, so an answer is either seen there or makes the port pending, which ends the sleep at once. What
    /// was pending before, mostly for received frames, ends the first sleep early; the sleep takes it, and
    /// the next one lasts.
    ///
    /// No received frame is forgotten, though its event is taken here: the runtime sleeps only when
    /// `receive` has said `Rx::Idle`, with no frame sent in between, and that has looked into the
    /// receive ring after it has asked for the next event (`settle`), and at the watches.
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
