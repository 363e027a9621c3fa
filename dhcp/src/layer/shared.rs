//! The layer on several cores: the first one has the client, and the others follow its lease.

use cores::{Core, MAX_NOTICE};
use layer::Instant;

use super::{Dhcp, configure, forget};
use crate::{Changes, Lease, State, standing::Standing};

/// What the layer of one core among several knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    core: Core,
    role: Role,
    /// What the first core told last, or this one heard last.
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// There is no other core, or nobody asks for an address.
    Alone,
    /// It tells the others.
    First,
    /// It hears the first core.
    Follower,
}

impl Shared {
    /// Those of a layer that nobody follows.
    pub(super) fn none() -> Self {
        Self { core: Core::ALONE, role: Role::Alone, standing: Standing::default() }
    }

    /// The lease that the first core has told, if this is another one.
    pub(super) fn followed(&self) -> Option<Option<&Lease>> {
        (self.role == Role::Follower).then_some(self.standing.lease.as_ref())
    }

    /// Whether another core asks for the address, and the program goes on there.
    pub(super) fn must_wait(&self) -> bool {
        self.role == Role::Follower && !self.standing.is_over
    }

    /// What the first core has told since the last call.
    fn news(&mut self) -> Option<Standing> {
        if self.role != Role::Follower {
            return None;
        }
        let mut bytes = [0; MAX_NOTICE];
        let length = self.core.take_notice(&mut bytes)?;
        // The first core is this program: what it tells can be read.
        Standing::decode(&bytes[..length])
    }

    fn tell(&mut self, standing: Standing) {
        if self.role == Role::First && standing != self.standing {
            self.standing = standing;
            let posted = self.core.post(&standing.encode().get());
            debug_assert!(posted, "a notice has room for any lease");
        }
    }
}

impl<'g, I: ipv4::Configure> Dhcp<'g, I> {
    /// The layer for this core. Called after [`enabled`](Self::enabled): of several cores the first one asks for an address,
    /// and the others use what it was granted, as soon as it is its own. Whether another station has the address is the
    /// affair of the first core as well.
    #[must_use]
    pub fn on_core(mut self, core: Core) -> Self {
        self.shared.core = core;
        if self.client.state() != State::Released && !core.is_alone() {
            self.shared.role = if core.is_first() { Role::First } else { Role::Follower };
            if !core.is_first() {
                // Without a lease there is nothing to give back.
                self.client.release(Instant::ZERO);
            }
        }
        self
    }

    /// Tells the other cores what the client has, if that is another thing than before.
    pub(super) fn tell_others(&mut self, is_over: bool) {
        let lease = self.client.lease().filter(|_| self.client.state() != State::Checking);
        self.shared.tell(Standing { lease: lease.copied(), is_over });
    }

    /// Does what the first core says. Returns whether that is news: the layer is ready now, or was until now.
    pub(super) fn follow(&mut self) -> bool {
        let Some(standing) = self.shared.news() else { return false };
        let before = core::mem::replace(&mut self.shared.standing, standing).lease;
        match standing.lease {
            Some(lease) => {
                let changes = Changes::between(before.as_ref(), &lease);
                configure(&mut self.network, &lease, changes);
                if changes.any() {
                    layer::log!(self.log, "dhcp: the first core has the address {}", lease);
                    self.observer.tell(Some(&lease));
                }
            }
            None if before.is_some() => {
                layer::log!(self.log, "dhcp: the first core has no lease any more");
                forget(&mut self.network);
                self.observer.tell(None);
            }
            None => {}
        }
        before.is_some() != standing.lease.is_some()
    }
}
