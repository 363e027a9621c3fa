//! The handshake of the xenbus (`xenbus.h`) as a pure value: what to do for each pair of our own state and
//! the backend's.
//!
//! ```text
//!   ours           backend's      what happens
//!   Initialising   InitWait       rings and channel are made and offered; we write Connected
//!   Offered        Connected      frames flow
//!   Open           Closing ...    all is ended; we write Closed
//!   Closed         Closed ...     if the device is to stay, it begins anew: we write Initialising
//! ```

/// The state of one end, as it stands in xenstore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum XenbusState {
    /// Nothing that is known here, or nothing at all.
    Unknown = 0,
    /// The device was made.
    Initialising = 1,
    /// It waits for what the other end has to say.
    InitWait = 2,
    /// It waits for a connection.
    Initialised = 3,
    /// It is connected.
    Connected = 4,
    /// It is closing, because of an error or because it is unplugged.
    Closing = 5,
    /// It is closed.
    Closed = 6,
    /// It is being changed.
    Reconfiguring = 7,
    /// It was changed.
    Reconfigured = 8,
}

impl XenbusState {
    /// All of them.
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

/// How far our end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// Nothing is offered; xenstore says Initialising.
    Initialising,
    /// Rings and channel are offered; xenstore says Connected.
    Offered,
    /// The backend has taken them, and frames flow; xenstore says Connected.
    Open,
    /// All is ended; xenstore says Closed.
    Closed,
}

impl Front {
    /// What xenstore says of our end then.
    pub fn state(self) -> XenbusState {
        match self {
            Self::Initialising => XenbusState::Initialising,
            Self::Offered | Self::Open => XenbusState::Connected,
            Self::Closed => XenbusState::Closed,
        }
    }

    /// What is to be done when the backend's state is `backend`. `stays` says whether the device is to
    /// go on (the backend's `online`).
    pub fn next(self, backend: XenbusState, stays: bool) -> Action {
        use XenbusState as B;
        match (self, backend) {
            (Self::Initialising, B::InitWait) => Action::Offer,
            // Not Closed: that is what it was before it saw that we begin anew.
            (Self::Initialising, B::Closing) => Action::Close,
            (Self::Initialising, _) => Action::Wait,

            (Self::Offered, B::Connected) => Action::Open,
            (Self::Offered | Self::Open, B::Closing | B::Closed) => Action::Close,
            // It waits for a script of its host, or for nothing that concerns us.
            (Self::Offered, _) => Action::Wait,

            (Self::Open, B::Connected | B::Reconfiguring | B::Reconfigured) => Action::Wait,
            // It has begun anew, or is gone, without a word.
            (Self::Open, B::Unknown | B::Initialising | B::InitWait | B::Initialised) => {
                Action::Close
            }

            (Self::Closed, B::Closed | B::Initialising | B::InitWait) if stays => Action::Restart,
            (Self::Closed, _) => Action::Wait,
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing until something changes.
    Wait,
    /// Make rings and channel, write them down, and write Connected.
    Offer,
    /// Let frames flow.
    Open,
    /// End everything, and write Closed.
    Close,
    /// Write Initialising.
    Restart,
}

#[cfg(test)]
mod tests;
