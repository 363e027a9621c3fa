//! How long a guest takes until it serves.

use std::time::Duration;

/// How long a guest took to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// What `xl create` took.
    pub created: Duration,
    /// From the start of `xl create` to the guest's first reply.
    pub replied: Duration,
}

impl Started {
    /// Reads what `dom0 start` prints.
    pub(super) fn read(said: &str) -> Option<Self> {
        let (created, replied) = said.trim().split_once(' ')?;
        let time = |text: &str| Some(Duration::from_micros(text.parse().ok()?));
        Some(Self { created: time(created)?, replied: time(replied)? })
    }
}

/// How a guest is asked whether it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// By a datagram that it returns.
    Udp,
    /// For `/hello`.
    Http,
}

impl Question {
    /// What `dom0` is told.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Udp => "start",
            Self::Http => "start-http",
        }
    }
}
