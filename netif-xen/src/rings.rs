//! The pages of a pair of rings, and its event channel, as they are offered to the backend.

use core::ptr::NonNull;

use rt_regions::{Exhausted, Pool, Region};
#[cfg(feature = "cores")]
use rt_xen::Store;
use rt_xen::{Access, DomainId, Errno, Guest, Port};

use crate::{Error, buffer::Buffers};

/// The pages of a pair of rings, and its event channel. The first core has those of all cores.
pub(crate) struct Rings {
    /// That of the ring of what is sent, and that of the other one.
    buffers: Buffers,
    /// Our end of the event channel.
    ///
    /// INVARIANT: ours to close.
    port: Option<Port>,
}

/// What was offered.
#[derive(Clone, Copy)]
pub(crate) struct Offered {
    /// What the backend is told: `tx-ring-ref`, `rx-ring-ref`, `event-channel` (`netif.h`).
    pub(crate) told: [u32; 3],
    /// The pages of both rings, first that of what is sent.
    pub(crate) rings: [NonNull<u8>; 2],
    pub(crate) port: Port,
}

impl Rings {
    /// Takes two pages. Their table is in `memory`.
    ///
    /// # Errors
    /// The pool has not so many, or the table does not fit.
    pub(crate) fn new(
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        Ok(Self { buffers: Buffers::new(2, pool, memory)?, port: None })
    }

    /// Lends both pages, and opens a channel of this core.
    ///
    /// # Errors
    /// Xen refuses, or the grant table has no room.
    pub(crate) fn offer(&mut self, guest: &dyn Guest, to: DomainId) -> Result<Offered, Error> {
        let port = guest.open_channel(to)?;
        self.offer_with(guest, to, port)
    }

    /// Lends both pages, and opens a channel of another core.
    ///
    /// # Errors
    /// Xen refuses, or the grant table has no room.
    #[cfg(feature = "cores")]
    pub(crate) fn offer_for(
        &mut self,
        core: usize,
        guest: &dyn Store,
        to: DomainId,
    ) -> Result<Offered, Error> {
        let port = guest.open_channel_for(core, to)?;
        self.offer_with(guest, to, port)
    }

    fn offer_with(
        &mut self,
        guest: &dyn Guest,
        to: DomainId,
        port: Port,
    ) -> Result<Offered, Error> {
        self.port = Some(port);
        // There are two, always.
        let [tx, rx] = &mut self.buffers.pages[..] else {
            return Err(Error::Channel(Errno::EINVAL));
        };
        let told =
            [tx.lend(guest, to, Access::Write)?.0, rx.lend(guest, to, Access::Write)?.0, port.0];
        Ok(Offered { told, rings: [tx.as_ptr(), rx.as_ptr()], port })
    }

    /// Closes the channel.
    pub(crate) fn close(&mut self, guest: &dyn Guest) {
        if let Some(port) = self.port.take() {
            guest.close_channel(port);
        }
    }

    /// Takes both pages back, of which nobody here uses the rings; returns whether the backend has released them.
    pub(crate) fn take_back(&mut self, guest: &dyn Guest) -> bool {
        self.buffers.sweep(guest);
        self.buffers.still_lent() == 0
    }
}
