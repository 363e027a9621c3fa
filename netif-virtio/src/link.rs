//! The state of the device: made ready, reset after a failure, and made ready again.

use core::time::Duration;

use layer::Instant;
use virtio_drivers::transport::{DeviceStatus, Transport};

use crate::{
    Access, DeviceError, Guest, ProtocolViolation,
    buffer::Buffers,
    config,
    device::Interface,
    features::{CSUM, EVENT_IDX, GUEST_CSUM, GUEST_TSO4, HOST_TSO4, MRG_RXBUF, STATUS},
    header::LARGEST_ETHERNET,
    negotiation::{self, Agreed, RX, TX},
    queue::{Queue, USED},
    rx::Terms,
    segments::{LONGEST, SEGMENTS},
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
        self.rx.disconnect(guest);
        self.tx.disconnect(guest);
        let result = self.make_ready(transport, guest);
        if result.is_err() {
            negotiation::add_status(transport, DeviceStatus::FAILED);
        }
        result
    }

    /// Makes a device ready that was reset. If that fails, pages may be lent to it, until it is reset again.
    fn make_ready(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
    ) -> Result<(), DeviceError> {
        let agreed =
            negotiation::negotiate(transport, self.wants_offloads, self.wanted_mac.is_none())?;
        self.agree(&agreed);
        let event_idx = agreed.has(EVENT_IDX);
        let [rx, tx] = agreed.sizes;
        self.rx.queue = Some(make_queue(transport, guest, RX, &mut self.rx.buffers, rx, event_idx));
        self.tx.queue = Some(make_queue(transport, guest, TX, &mut self.tx.buffers, tx, event_idx));
        let longest = match agreed.has(HOST_TSO4) {
            true => LONGEST,
            false => self.terms.mtu + LARGEST_ETHERNET,
        };
        self.tx.fill(guest, longest);
        self.rx.fill(guest);
        negotiation::add_status(transport, DeviceStatus::DRIVER_OK);
        if !is_ready(transport.get_status()) {
            return Err(DeviceError::NeedsReset);
        }
        self.has_link_status = agreed.has(STATUS);
        self.is_link_up = !self.has_link_status || config::link_up(transport)?;
        self.state = State::Ready;
        self.counters.connections += 1;
        self.show_buffers(1);
        self.notify(transport);
        Ok(())
    }

    /// Takes over what was agreed with the device.
    fn agree(&mut self, agreed: &Agreed) {
        self.terms = Terms {
            mtu: agreed.mtu,
            spread: agreed.has(MRG_RXBUF),
            checksums: agreed.has(GUEST_CSUM),
            joined: agreed.has(GUEST_TSO4),
        };
        self.offloads = layer::Offloads {
            checksum: SEGMENTS && agreed.has(CSUM),
            tcp_segmentation: SEGMENTS && agreed.has(HOST_TSO4),
            ..layer::Offloads::NONE
        };
        let Some(mac) = self.wanted_mac.or(agreed.mac) else { return };
        // The neighbours know the first one.
        let mac = *self.wanted_mac.get_or_insert(mac);
        if agreed.mac.is_some_and(|other| other != mac) {
            self.counters.mac_differs += 1;
        }
        self.mac = mac;
    }

    /// Resets the device at the next chance, because it violated the protocol.
    #[cold]
    pub(crate) fn fail_device(&mut self, guest: &impl Guest, violation: ProtocolViolation) {
        self.counters.device_violations += 1;
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
            self.counters.device_failures += 1;
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
            self.counters.setup_errors += 1;
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
fn make_queue(
    transport: &mut impl Transport,
    guest: &impl Guest,
    number: u16,
    buffers: &mut Buffers,
    size: u16,
    event_idx: bool,
) -> Queue {
    let [descriptors, rings] = &mut buffers.rings;
    let addresses = [descriptors.lend(guest, Access::Read), rings.lend(guest, Access::Both)];
    // SAFETY: pages of the pool are aligned, and mapped for ever. They are this queue's alone, and zeroed.
    let queue = unsafe { Queue::new(descriptors.as_ptr(), rings.as_ptr(), size, event_idx) };
    let [descriptors, rings] = addresses;
    transport.queue_set(number, size.into(), descriptors, rings, rings + USED as u64);
    queue
}
