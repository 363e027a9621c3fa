//! The state of the device: made ready, reset after a failure, and made ready again.

use core::time::Duration;

use layer::Instant;
use virtio_drivers::transport::{DeviceStatus, Transport};

#[cfg(feature = "cores")]
use crate::spread::Spread;
use crate::{
    DeviceError, Guest, ProtocolViolation,
    buffer::Buffers,
    config,
    device::Interface,
    features::{EVENT_IDX, STATUS},
    negotiation::{self, Agreed, Wants},
    queue::{Queue, USED},
};

/// The least time from one attempt to make the device ready to the next. So a device that fails again and again costs a
/// bounded part of the time.
const RETRY: Duration = Duration::from_millis(100);

/// How long attempts may fail until the interface is broken.
const GIVE_UP: Duration = Duration::from_secs(10);

/// The state of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Frames flow.
    Ready,
    /// The device failed at the first moment, and is made ready again at the second.
    Down(Instant, Instant),
}

impl Interface {
    /// Resets the device and makes it ready.
    ///
    /// # Errors
    /// The device cannot be used.
    pub(crate) fn connect(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
    ) -> Result<(), DeviceError> {
        self.last_attempt = Some(guest.now());
        negotiation::reset(transport, guest)?;
        self.take_back(guest);
        let result = self.make_ready(transport, guest);
        if result.is_err() {
            negotiation::add_status(transport, DeviceStatus::FAILED);
        }
        result
    }

    /// Takes all pages back: the device was reset.
    pub(crate) fn take_back(&mut self, guest: &impl Guest) {
        self.pair.disconnect(guest);
        #[cfg(feature = "cores")]
        if let Some(spread) = &mut self.spread {
            spread.take_back(guest);
        }
    }

    /// Makes a device ready that was reset. If that fails, pages may be lent to it, until it is reset again.
    fn make_ready(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
    ) -> Result<(), DeviceError> {
        let wants = Wants {
            offloads: self.wants_offloads,
            mac: self.wanted_mac.is_none(),
            #[cfg(feature = "cores")]
            pairs: self.spread.as_ref().map_or(1, Spread::wanted),
        };
        let agreed = negotiation::negotiate(transport, wants)?;
        self.agree(&agreed);
        let event_idx = agreed.has(EVENT_IDX);
        self.pair.begin(guest, |number, buffers| {
            let size = agreed.sizes[usize::from(number)];
            make_queue(transport, guest, number, buffers, size, event_idx)
        });
        #[cfg(feature = "cores")]
        let control = self.spread.as_mut().and_then(|it| it.prepare(transport, guest, &agreed));
        negotiation::add_status(transport, DeviceStatus::DRIVER_OK);
        if !is_ready(transport.get_status()) {
            return Err(DeviceError::NeedsReset);
        }
        self.has_link_status = agreed.has(STATUS);
        self.is_link_up = !self.has_link_status || config::link_up(transport)?;
        #[cfg(feature = "cores")]
        if let (Some(spread), Some(control)) = (&mut self.spread, control) {
            spread.use_pairs(transport, guest, control)?;
        }
        self.state = State::Ready;
        self.pair.counters.connections += 1;
        self.pair.show_buffers(1);
        self.pair.notify(transport);
        Ok(())
    }

    /// Takes over what was agreed with the device.
    fn agree(&mut self, agreed: &Agreed) {
        self.pair.agree(agreed.features, agreed.mtu);
        let Some(mac) = self.wanted_mac.or(agreed.mac) else { return };
        // The neighbours know the first one.
        let mac = *self.wanted_mac.get_or_insert(mac);
        if agreed.mac.is_some_and(|other| other != mac) {
            self.pair.counters.mac_differs += 1;
        }
        self.mac = mac;
    }

    /// Hears what other cores say: that the device violated the protocol in their queues, or that all of them have lent these. Then the
    /// device is reset, to use them.
    #[cfg(feature = "cores")]
    pub(crate) fn hear_others(&mut self, transport: &mut impl Transport, guest: &impl Guest) {
        self.look(transport, guest);
        let Some(spread) = &mut self.spread else { return };
        let is_violated = spread.hear();
        let is_ready = self.state == State::Ready;
        if is_violated && is_ready {
            self.pair.counters.device_failures += 1;
            self.bring_down(guest);
        } else if is_ready && spread.must_begin() {
            let now = guest.now();
            self.state = State::Down(now, now);
            // If it fails, it is tried again, and said, when something is to be received.
            let _ = self.revive(transport, guest);
        }
    }

    /// Resets the device at the next chance, because it violated the protocol.
    #[cold]
    pub(crate) fn fail_device(&mut self, guest: &impl Guest, violation: ProtocolViolation) {
        self.pair.counters.device_violations += 1;
        self.last_violation = Some(violation);
        self.bring_down(guest);
    }

    /// Ends the use of the device. Its pages stay lent until it has confirmed a reset.
    fn bring_down(&mut self, guest: &impl Guest) {
        let now = guest.now();
        let next = self.last_attempt.map_or(now, |last| (last + RETRY).max(now));
        self.state = State::Down(now, next);
    }

    /// Looks at the device: whether it is still ready, and whether the link is up.
    #[cold]
    pub(crate) fn look(&mut self, transport: &mut impl Transport, guest: &impl Guest) {
        if self.state != State::Ready {
            return;
        }
        if !is_ready(transport.get_status()) {
            self.pair.counters.device_failures += 1;
            self.bring_down(guest);
        } else if self.has_link_status {
            // If it cannot be read, the next change is another chance.
            self.is_link_up = config::link_up(transport).unwrap_or(self.is_link_up);
        }
    }

    /// Makes the device ready again, when it is time. It sleeps until then, so that the runtime asks again: no event comes
    /// from a device that was reset.
    ///
    /// # Errors
    /// The device did not come back within ten seconds.
    #[cold]
    pub(crate) fn revive(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
    ) -> Result<(), DeviceError> {
        let State::Down(since, next) = self.state else { return Ok(()) };
        if guest.now() < next {
            guest.sleep(next);
            return Ok(());
        }
        let result = self.connect(transport, guest);
        if let Err(error) = result {
            self.pair.counters.setup_errors += 1;
            self.last_error = Some(error);
            let now = guest.now();
            self.state = State::Down(since, now + RETRY);
            if now >= since + GIVE_UP {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Whether a device with this status is ready. That of a device which is gone has all bits.
fn is_ready(status: DeviceStatus) -> bool {
    status.contains(DeviceStatus::DRIVER_OK)
        && !status.intersects(DeviceStatus::DEVICE_NEEDS_RESET | DeviceStatus::FAILED)
}

/// Makes an empty queue, and tells the device where it is. The device was reset.
pub(crate) fn make_queue(
    transport: &mut impl Transport,
    guest: &impl Guest,
    number: u16,
    buffers: &mut Buffers,
    size: u16,
    event_idx: bool,
) -> Queue {
    let (queue, areas) = buffers.lend_rings(guest, size, event_idx);
    tell(transport, number, size, areas);
    queue
}

/// Tells the device where the parts of a queue are: the descriptors, and the rings.
pub(crate) fn tell(
    transport: &mut impl Transport,
    number: u16,
    size: u16,
    [descriptors, rings]: [u64; 2],
) {
    transport.queue_set(number, size.into(), descriptors, rings, rings + USED as u64);
}
