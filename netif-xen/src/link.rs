//! The connection to the backend: made, ended, and made again as xenstore tells.

use rt_xen::{Guest, Watch};

use crate::{
    Error, ProtocolViolation,
    device::{self, Device},
    netfront::Interface,
    state::{Action, Front, XenbusState},
    wire::LARGEST_HEADER,
};

/// How many steps are taken at once; a backend that keeps changing gets its turn among the packets.
const STEPS: usize = 8;

/// Whether there is something to do still.
#[derive(PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    More,
}

/// The guest is an argument of any kind: none of this is for each packet, and one copy of the code will do.
impl Interface {
    /// Does what is due after xenstore has changed.
    #[cold]
    pub(crate) fn follow(&mut self, guest: &dyn Guest) {
        self.is_behind = false;
        self.waits_for_rings = false;
        for _ in 0..STEPS {
            match self.step(guest) {
                Ok(Progress::More) => {}
                Ok(Progress::Waiting) => return,
                Err(error) => {
                    // The interface stays as it is, and looks again when xenstore changes again.
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
                // The backend may still have the rings of the last connection. Nothing tells when it lets
                // go of them, so that is asked whenever the guest is awake.
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

    /// Looks for a device, and begins with it.
    pub(crate) fn begin(&mut self, guest: &dyn Guest) -> Result<Progress, Error> {
        let Some(number) = device::find(guest, self.wanted)? else {
            return Ok(Progress::Waiting);
        };
        self.device = Some(Device::open(guest, number)?);
        // Where this fails, the device is not the same as ours when it is looked at again, and is forgotten.
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

    /// Writes the state that we are in from now on.
    pub(crate) fn enter(&mut self, guest: &dyn Guest, front: Front) -> Result<(), Error> {
        if let Some(device) = &self.device {
            device.set_state(guest, front.state())?;
        }
        self.front = front;
        Ok(())
    }

    /// Makes rings and channel, and writes them down for the backend.
    fn offer(&mut self, guest: &dyn Guest) -> Result<(), Error> {
        let Some(device) = &self.device else { return Ok(()) };
        let properties = device.properties(guest)?;
        self.mtu = properties.mtu.min(device.largest_mtu(guest)?);
        if properties.mac != self.mac {
            self.counters.mac_differs += 1;
        }
        let backend = device.backend;
        let port = guest.open_channel(backend)?;
        self.port = Some(port);
        let longest = self.mtu + LARGEST_HEADER;
        let tx = self.tx.connect(guest, backend, longest, self.start)?;
        let rx = self.rx.connect(guest, backend, self.start)?;
        self.rx.refill(guest);
        self.tx.refill(guest);
        // Keys and values apart: a table of pairs would be made here, word by word.
        static KEYS: [&str; 7] = [
            "tx-ring-ref",
            "rx-ring-ref",
            "event-channel",
            "request-rx-copy",
            "feature-rx-notify",
            "feature-sg",
            // Blank checksums are understood; it is what a missing key means too.
            "feature-no-csum-offload",
        ];
        for (key, &value) in KEYS.iter().zip(&[tx.0, rx.0, port.0, 1, 1, 1, 0]) {
            device.write(guest, key, value)?;
        }
        self.show_buffers(1);
        self.enter(guest, Front::Offered)
    }

    /// Ends the connection, and says so.
    fn close(&mut self, guest: &dyn Guest) -> Result<(), Error> {
        // First: a backend lets go of the rings when it is told.
        let entered = self.enter(guest, Front::Closed);
        self.front = Front::Closed;
        self.disconnect(guest);
        entered
    }

    /// Ends channel, rings, and the grants of all that the backend lets go of.
    pub(crate) fn disconnect(&mut self, guest: &dyn Guest) {
        if let Some(port) = self.port.take() {
            guest.close_channel(port);
        }
        self.rx.disconnect(guest);
        self.tx.disconnect(guest);
    }

    /// Takes back what the backend has let go of since; says whether both rings are back.
    pub(crate) fn sweep(&mut self, guest: &dyn Guest) -> bool {
        let rx = self.rx.buffers.sweep(guest);
        let tx = self.tx.buffers.sweep(guest);
        rx && tx
    }

    /// Closes the connection to a backend that writes what cannot be.
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

    /// Ends all that can be ended, for good.
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
