//! How long a guest takes until it serves.

use std::{net::SocketAddrV4, time::Duration};

use anyhow::{Context, Result};

use super::{machine::Machine, settings::Vif};

/// How long `xl create` may take. It unpacks a kernel that is packed, and that takes long in there.
pub(super) const CREATE_WITHIN: Duration = Duration::from_secs(180);

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

impl Machine {
    /// Runs `xl` with these arguments, which start a guest, asks the guest at `to` meanwhile, and says how long it took to
    /// reply.
    pub(super) fn start(
        &self,
        vif: Option<&Vif>,
        to: SocketAddrV4,
        by: Question,
        xl: &[&str],
    ) -> Result<Started> {
        let address = to.ip().to_string();
        // A guest that nobody knows is asked for once a second, and the time of that is not its own.
        if let Some(vif) = vif {
            self.succeed("arp", &["-s", &address, &vif.mac_text()])?;
        }
        let to = to.to_string();
        let args = [&[by.command(), &to, "xl"], xl].concat();
        let started = self.succeed_within("dom0", &args, CREATE_WITHIN).and_then(|said| {
            Started::read(&said).with_context(|| format!("dom0 start says: {said}"))
        });
        if vif.is_some() {
            self.succeed("arp", &["-d", &address])?;
        }
        started
    }
}
