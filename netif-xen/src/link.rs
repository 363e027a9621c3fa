//! The connection to the backend: made, ended, and made again as xenstore tells.

use rt_xen::{Guest, Watch};

use crate::{
    Error, Lie, Netfront,
    device::{self, Device},
    netfront::LARGEST_HEADER,
    state::{Action, Front, XenbusState},
};

/// How many steps are taken at once; a backend that keeps changing gets its turn among the packets.
const STEPS: usize = 8;

/// Whether there is something to do still.
#[derive(PartialEq, Eq)]
enum Progress {
    Waiting,
    More,
}

impl<G: Guest> Netfront<G> {
    /// Does what is due after xenstore has changed.
    #[cold]
    pub(crate) fn follow(&mut self) {
        self.is_behind = false;
        self.waits_for_rings = false;
        for _ in 0..STEPS {
            match self.step() {
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

    fn step(&mut self) -> Result<Progress, Error> {
        let Some(device) = &self.device else { return self.begin() };
        if !device.is_the_same(&self.guest, self.front.state())? {
            self.disconnect();
            self.forget();
            return Ok(Progress::More);
        }
        let backend = device.backend_state(&self.guest)?;
        let stays = device.stays(&self.guest)?;
        match self.front.next(backend, stays) {
            Action::Wait => return Ok(Progress::Waiting),
            Action::Offer => {
                // The backend may still have the rings of the last connection. Nothing tells when it lets
                // go of them, so that is asked whenever the guest is awake.
                self.waits_for_rings = !self.sweep();
                if self.waits_for_rings {
                    return Ok(Progress::Waiting);
                }
                let left_out = self.rx.still_lent() + self.tx.still_lent();
                self.counters.pages_left_out += left_out as u64;
                self.offer().inspect_err(|_| self.disconnect())?;
            }
            Action::Open => {
                self.front = Front::Open;
                self.counters.connections += 1;
            }
            Action::Close => self.close()?,
            Action::Restart => self.enter(Front::Initialising)?,
        }
        Ok(Progress::More)
    }

    /// Looks for a device, and begins with it.
    fn begin(&mut self) -> Result<Progress, Error> {
        let Some(number) = device::find(&self.guest, self.wanted)? else {
            return Ok(Progress::Waiting);
        };
        self.device = Some(Device::open(&self.guest, number)?);
        self.enter(Front::Initialising).inspect_err(|_| self.forget())?;
        Ok(Progress::More)
    }

    /// Forgets a device that is gone.
    pub(crate) fn forget(&mut self) {
        if let Some(device) = self.device.take() {
            self.guest.unwatch(device.watch);
        }
        self.front = Front::Closed;
    }

    /// Writes the state that we are in from now on.
    pub(crate) fn enter(&mut self, front: Front) -> Result<(), Error> {
        if let Some(device) = &self.device {
            device.set_state(&self.guest, front.state())?;
        }
        self.front = front;
        Ok(())
    }

    /// Makes rings and channel, and writes them down for the backend.
    fn offer(&mut self) -> Result<(), Error> {
        let Some(device) = &self.device else { return Ok(()) };
        let guest = &self.guest;
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
        for (key, value) in [
            ("tx-ring-ref", tx.0),
            ("rx-ring-ref", rx.0),
            ("event-channel", port.0),
            ("request-rx-copy", 1),
            ("feature-rx-notify", 1),
            ("feature-sg", 1),
            // Blank checksums are understood; it is what a missing key means too.
            ("feature-no-csum-offload", 0),
        ] {
            device.write(guest, key, value)?;
        }
        self.show_buffers(1);
        self.enter(Front::Offered)
    }

    /// Ends the connection, and says so.
    fn close(&mut self) -> Result<(), Error> {
        // First: a backend lets go of the rings when it is told.
        let entered = self.enter(Front::Closed);
        self.front = Front::Closed;
        self.disconnect();
        entered
    }

    /// Ends channel, rings, and the grants of all that the backend lets go of.
    pub(crate) fn disconnect(&mut self) {
        if let Some(port) = self.port.take() {
            self.guest.close_channel(port);
        }
        self.rx.disconnect(&self.guest);
        self.tx.disconnect(&self.guest);
    }

    /// Takes back what the backend has let go of since; says whether both rings are back.
    pub(crate) fn sweep(&mut self) -> bool {
        let rx = self.rx.sweep(&self.guest);
        let tx = self.tx.sweep(&self.guest);
        rx && tx
    }

    /// Closes the connection to a backend that writes what cannot be.
    #[cold]
    pub(crate) fn unmask(&mut self, lie: Lie) {
        self.counters.backend_lied += 1;
        self.last_lie = Some(lie);
        if let Some(device) = &self.device {
            device.write_error(&self.guest, &lie);
            if device.is_the_same(&self.guest, self.front.state()) != Ok(true) {
                self.disconnect();
                self.forget();
                self.is_behind = true;
                return;
            }
        }
        if self.close().is_err() {
            self.counters.setup_errors += 1;
        }
        self.is_behind = true;
    }

    /// Ends all that can be ended, for good.
    pub(crate) fn shut_down(&mut self) {
        if let Some(device) = &self.device
            && device.is_the_same(&self.guest, self.front.state()) == Ok(true)
        {
            let _ = device.set_state(&self.guest, XenbusState::Closed);
        }
        self.disconnect();
        self.sweep();
        self.forget();
        self.guest.unwatch(Watch(self.devices.0));
    }
}
