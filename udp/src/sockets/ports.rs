//! The ports of sockets, and those that the layer has in its own table.

use core::{
    hash::{BuildHasher, Hasher},
    mem::ManuallyDrop,
};

use layer::{KeyedHash, TableHash, seed_for};
use network::PortShare;
use rt_regions::{RegionMap, Slabs};

use super::Mailbox;
use crate::{BindError, layer::is_responder};

/// The first port that is chosen for a socket: those below are of services (RFC 6335 6, the system ports).
const FIRST: u16 = 1024;

/// How many ports are tried at random. Then the first free one is taken.
const TRIES: u32 = 16;

/// Ports, each with the mailbox of its socket. Those that the layer has itself have none.
pub(super) struct PortTable {
    /// Without a destructor, so that the table can lie in a region.
    taken: ManuallyDrop<RegionMap<'static, u16, Option<&'static Mailbox>, PortHash>>,
    random: KeyedHash,
    /// Of which a socket gets one.
    share: PortShare,
    /// How many random numbers were drawn.
    drawn: u64,
}

impl PortTable {
    pub(super) fn new(slabs: &'static Slabs<'static>, share: PortShare, seed: u128) -> Self {
        let random = KeyedHash::new(seed_for(*b"port", seed));
        let hash = PortHash(TableHash::new(random));
        Self { taken: ManuallyDrop::new(RegionMap::new(slabs, hash)), random, share, drawn: 0 }
    }

    /// The mailbox of a port, or none if the layer has the port; nothing for a free port.
    pub(super) fn find(&self, port: u16) -> Option<Option<&'static Mailbox>> {
        self.taken.get(&port).copied()
    }

    pub(super) fn insert(
        &mut self,
        port: u16,
        mailbox: Option<&'static Mailbox>,
    ) -> Result<(), BindError> {
        if port == 0 {
            return Err(BindError::Zero);
        }
        if self.find(port).is_some() {
            return Err(BindError::InUse(port));
        }
        self.taken.insert(port, mailbox)?;
        Ok(())
    }

    /// Gives a mailbox a port that others cannot guess, and returns the port (RFC 6056 3.3.1).
    pub(super) fn insert_anywhere(&mut self, mailbox: &'static Mailbox) -> Result<u16, BindError> {
        let mut port = FIRST;
        for _ in 0..TRIES {
            self.drawn += 1;
            let range = u64::from(u16::MAX - FIRST) + 1;
            port = FIRST + (self.random.hash(self.drawn) % range) as u16;
            if self.is_free(port) {
                break;
            }
        }
        let all = (port..=u16::MAX).chain(FIRST..port);
        let most = usize::from(u16::MAX - FIRST) + 1;
        let port =
            all.into_iter().find(|&port| self.is_free(port)).ok_or(BindError::Full { most })?;
        self.insert(port, Some(mailbox)).map(|()| port)
    }

    /// Whether a socket can have the port. At some, hosts expect a service, and may not answer it.
    fn is_free(&self, port: u16) -> bool {
        self.share.contains(port) && !is_responder(port) && self.find(port).is_none()
    }

    /// Gives a taken port this mailbox.
    pub(super) fn assign(&mut self, port: u16, mailbox: Option<&'static Mailbox>) {
        if let Some(place) = self.taken.get_mut(&port) {
            *place = mailbox;
        }
    }

    /// Makes a port free; returns the mailbox that it had.
    pub(super) fn remove(&mut self, port: u16) -> Option<&'static Mailbox> {
        self.taken.remove(&port).flatten()
    }
}

/// Makes hashes of ports.
struct PortHash(TableHash);

impl BuildHasher for PortHash {
    type Hasher = PortHasher;

    fn build_hasher(&self) -> PortHasher {
        PortHasher(self.0, 0)
    }
}

/// The hash of one port.
struct PortHasher(TableHash, u32);

impl Hasher for PortHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.1 = self.1 << 8 | u32::from(byte);
        }
    }

    fn write_u16(&mut self, port: u16) {
        self.1 = port.into();
    }

    fn finish(&self) -> u64 {
        self.0.hash(self.1).into()
    }
}
