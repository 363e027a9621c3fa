//! The connection to the backend: opened, closed, and opened again as xenstore demands.

use rt_xen::{Guest, Watch};

use crate::{
    Error, ProtocolViolation,
    device::{self, Device},
    netfront::Interface,
    segments::{LONGEST, SEGMENTS},
    state::{Action, Front, XenbusState},
    wire::LARGEST_HEADER,
};

/// How many steps are taken at once. A backend that keeps changing its state cannot hold up the packets.
const STEPS: usize = 8;

/// Whether there is more to do.
#[derive(PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    More,
}

/// The methods take the guest as a trait object: none of them runs for each packet, so one copy of the code is enough.
impl Interface {
    /// Does the work that is due after xenstore has changed.
    #[cold]
    pub(crate) fn follow(&mut self, guest: &dyn Guest) {
        self.is_behind = false;
        self.waits_for_rings = false;
        for _ in 0..STEPS {
            match self.step(guest) {
                Ok(Progress::More) => {}
                Ok(Progress::Waiting) => return,
                Err(error) => {
                    // The interface stays as it is, and checks again when xenstore changes again.
                    self.counters.setup_errors += 1;
                    self.last_error = Some(error);
                    return;
                }
            }
        }
        self.is_behind = true;
    }

    fn step(&mut self, guest: &dyn Guest) -> Result<Progress, Error> {
        let Some(device) = &self.device else { return self.begin(guest) };
        if !device.is_the_same(guest, self.front.state())? {
            self.disconnect(guest);
            self.forget(guest);
            return Ok(Progress::More);
        }
        let backend = device.backend_state(guest)?;
        let stays = device.stays(guest)?;
        match self.front.next(backend, stays) {
            Action::Wait => return Ok(Progress::Waiting),
            Action::Offer => {
                // The backend may still have the rings of the last connection. No event tells when it releases them, so
                // this is checked whenever the guest is awake.
                self.waits_for_rings = !self.sweep(guest);
                if self.waits_for_rings {
                    return Ok(Progress::Waiting);
                }
                let left_out = self.rx.buffers.still_lent() + self.tx.buffers.still_lent();
                self.counters.pages_left_out += left_out as u64;
                self.offer(guest).inspect_err(|_| self.disconnect(guest))?;
            }
            Action::Open => {
                self.front = Front::Open;
                self.counters.connections += 1;
            }
            Action::Close => self.close(guest)?,
            Action::Restart => self.enter(guest, Front::Initialising)?,
        }
        Ok(Progress::More)
    }

    /// Looks for a device, and begins the handshake.
    pub(crate) fn begin(&mut self, guest: &dyn Guest) -> Result<Progress, Error> {
        let Some(number) = device::find(guest, self.wanted)? else {
            return Ok(Progress::Waiting);
        };
        self.device = Some(Device::open(guest, number)?);
        // If this fails, the state in xenstore differs from ours at the next check, and the device is forgotten.
        self.enter(guest, Front::Initialising)?;
        Ok(Progress::More)
    }

    /// Forgets a device that is gone.
    pub(crate) fn forget(&mut self, guest: &dyn Guest) {
        if let Some(device) = self.device.take() {
            device.forget(guest);
        }
        self.front = Front::Closed;
    }

    /// Enters a state, and writes it to xenstore.
    pub(crate) fn enter(&mut self, guest: &dyn Guest, front: Front) -> Result<(), Error> {
        if let Some(device) = &self.device {
            device.set_state(guest, front.state())?;
        }
        self.front = front;
        Ok(())
    }

    /// Makes the rings and the event channel, and writes them to xenstore for the backend.
    fn offer(&mut self, guest: &dyn Guest) -> Result<(), Error> {
        let Some(device) = &self.device else { return Ok(()) };
        let properties = device.properties(guest)?;
        self.mtu = properties.mtu.min(device.largest_mtu(guest)?);
        if SEGMENTS && self.offloads.is_some() {
            self.offloads = Some(device.offloads(guest)?);
            // Linux joins no segments of IPv6 for a frontend that does not take blank checksums of that family.
            for key in ["feature-gso-tcpv4", "feature-ipv6-csum-offload", "feature-gso-tcpv6"] {
                device.write(guest, key, 1)?;
            }
        }
        if properties.mac != self.mac {
            self.counters.mac_differs += 1;
        }
        let backend = device.backend;
        let port = guest.open_channel(backend)?;
        self.port = Some(port);
        // A page holds one frame of a length that only segments beyond the MTU have.
        let longest = match SEGMENTS && self.offloads.is_some() {
            true => LONGEST,
            false => self.mtu + LARGEST_HEADER,
        };
        let tx = self.tx.connect(guest, backend, longest, self.start)?;
        let rx = self.rx.connect(guest, backend, self.start)?;
        self.rx.refill(guest);
        self.tx.refill(guest);
        // Keys and values are separate, because a table of pairs would be built here word by word.
        static KEYS: [&str; 7] = [
            "tx-ring-ref",
            "rx-ring-ref",
            "event-channel",
            "request-rx-copy",
            "feature-rx-notify",
            "feature-sg",
            // We accept blank checksums, as a missing key would also say.
            "feature-no-csum-offload",
        ];
        for (key, &value) in KEYS.iter().zip(&[tx.0, rx.0, port.0, 1, 1, 1, 0]) {
            device.write(guest, key, value)?;
        }
        self.show_buffers(1);
        self.enter(guest, Front::Offered)
    }

    /// Closes the connection, and writes that to xenstore.
    fn close(&mut self, guest: &dyn Guest) -> Result<(), Error> {
        // This is done first, because a backend releases the rings when it sees the state.
        let entered = self.enter(guest, Front::Closed);
        self.front = Front::Closed;
        self.disconnect(guest);
        entered
    }

    /// Closes the event channel, removes the rings, and ends all grants that the backend has released.
    pub(crate) fn disconnect(&mut self, guest: &dyn Guest) {
        if let Some(port) = self.port.take() {
            guest.close_channel(port);
        }
        self.rx.disconnect(guest);
        self.tx.disconnect(guest);
    }

    /// Takes back the pages that the backend has released since; returns whether both rings are back.
    pub(crate) fn sweep(&mut self, guest: &dyn Guest) -> bool {
        let rx = self.rx.buffers.sweep(guest);
        let tx = self.tx.buffers.sweep(guest);
        rx && tx
    }

    /// Closes the connection to a backend that violates the protocol.
    #[cold]
    pub(crate) fn fail_backend(&mut self, guest: &dyn Guest, violation: ProtocolViolation) {
        self.counters.backend_violations += 1;
        self.last_violation = Some(violation);
        if let Some(device) = &self.device {
            device.write_error(guest, &violation);
            if device.is_the_same(guest, self.front.state()) != Ok(true) {
                self.disconnect(guest);
                self.forget(guest);
                self.is_behind = true;
                return;
            }
        }
        if self.close(guest).is_err() {
            self.counters.setup_errors += 1;
        }
        self.is_behind = true;
    }

    /// Closes everything that can be closed, for good.
    pub(crate) fn shut_down(&mut self, guest: &dyn Guest) {
        if let Some(device) = &self.device
            && device.is_the_same(guest, self.front.state()) == Ok(true)
        {
            let _ = device.set_state(guest, XenbusState::Closed);
        }
        self.disconnect(guest);
        self.sweep(guest);
        self.forget(guest);
        guest.unwatch(format_args!("device/vif"), Watch(self.devices.0));
    }
}
