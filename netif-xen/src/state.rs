//! The handshake of the xenbus (`xenbus.h`) as a pure value: the action for each pair of our own state and the
//! backend's state.
//!
//! ```text
//!   ours           backend's      what happens
//!   Initialising   InitWait       rings and channel are made and offered; we write Connected
//!   Offered        Connected      frames flow
//!   Open           Closing ...    all is ended; we write Closed
//!   Closed         Closed ...     if the device is to stay, it begins anew: we write Initialising
//! ```

/// The state of one end, as stored in xenstore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum XenbusState {
    /// An unknown state, or no state.
    Unknown = 0,
    /// The device was created.
    Initialising = 1,
    /// The end waits for information from the other end.
    InitWait = 2,
    /// The end waits for a connection.
    Initialised = 3,
    /// The end is connected.
    Connected = 4,
    /// The end is closing, because of an error or because the device is unplugged.
    Closing = 5,
    /// The end is closed.
    Closed = 6,
    /// The device is being reconfigured.
    Reconfiguring = 7,
    /// The device was reconfigured.
    Reconfigured = 8,
}

impl XenbusState {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Initialising,
        Self::InitWait,
        Self::Initialised,
        Self::Connected,
        Self::Closing,
        Self::Closed,
        Self::Reconfiguring,
        Self::Reconfigured,
    ];

    /// The state that a value in xenstore stands for.
    pub fn parse(value: &[u8]) -> Self {
        let state = |state: &&Self| value == [b'0' + **state as u8];
        Self::ALL.iter().find(state).copied().unwrap_or(Self::Unknown)
    }
}

/// The state of our end of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// Nothing is offered; xenstore says Initialising.
    Initialising,
    /// Rings and channel are offered; xenstore says Connected.
    Offered,
    /// The backend has taken them, and frames flow; xenstore says Connected.
    Open,
    /// The connection is closed; xenstore says Closed.
    Closed,
}

impl Front {
    /// The state that xenstore holds for our end.
    pub fn state(self) -> XenbusState {
        match self {
            Self::Initialising => XenbusState::Initialising,
            Self::Offered | Self::Open => XenbusState::Connected,
            Self::Closed => XenbusState::Closed,
        }
    }

    /// The action to take when the backend's state is `backend`. `stays` says whether the device remains (the backend's
    /// `online`).
    pub fn next(self, backend: XenbusState, stays: bool) -> Action {
        use XenbusState as B;
        match (self, backend) {
            (Self::Initialising, B::InitWait) => Action::Offer,
            // `Closed` is not included: the backend may not have seen yet that we begin again.
            (Self::Initialising, B::Closing) => Action::Close,
            (Self::Initialising, _) => Action::Wait,

            (Self::Offered, B::Connected) => Action::Open,
            (Self::Offered | Self::Open, B::Closing | B::Closed) => Action::Close,
            // The backend waits for a script of its host, or its state does not concern us.
            (Self::Offered, _) => Action::Wait,

            (Self::Open, B::Connected | B::Reconfiguring | B::Reconfigured) => Action::Wait,
            // The backend has restarted, or is gone, without closing.
            (Self::Open, B::Unknown | B::Initialising | B::InitWait | B::Initialised) => {
                Action::Close
            }

            (Self::Closed, B::Closed | B::Initialising | B::InitWait) if stays => Action::Restart,
            (Self::Closed, _) => Action::Wait,
        }
    }
}

/// The action that the handshake asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Do nothing until a state changes.
    Wait,
    /// Make the rings and the event channel, write them to xenstore, and write Connected.
    Offer,
    /// Start to transfer frames.
    Open,
    /// Close the connection, and write Closed.
    Close,
    /// Write Initialising.
    Restart,
}

#[cfg(test)]
mod tests;
