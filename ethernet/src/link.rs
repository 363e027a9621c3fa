//! The trait of a link layer.

use core::{num::NonZeroU16, time::Duration};

use layer::{Instant, Layer, Offloads, Payload, TxOffload};
use netif::{Checksums, MacAddr};

use crate::{EtherType, JoinError};

/// A received frame, header taken off.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'r> {
    /// The destination: we, all stations, or a group that we joined.
    pub destination: MacAddr,
    /// The sender.
    pub source: MacAddr,
    /// What it carries.
    pub ethertype: EtherType,
    /// The payload, with the padding of a short frame.
    pub payload: &'r [u8],
    /// What is known of the checksums inside.
    pub checksums: Checksums,
    /// For a TCP segment that was joined from several: the number of data bytes in each of them; see
    /// [`RxFrame::segment_size`](netif::RxFrame::segment_size).
    pub segment_size: Option<NonZeroU16>,
}

/// A layer that carries frames between stations of one link: `Ethernet`, and every layer above it that passes
/// on what is not its own (`Arp`).
pub trait Link: for<'r> Layer<Item<'r> = Frame<'r>> {
    /// Our own hardware address.
    fn mac(&self) -> MacAddr;

    /// The largest payload of a frame in bytes.
    fn mtu(&self) -> usize;

    /// Limits the MTU to `mtu` bytes, where a network says that it carries less than the interface (DHCP, RFC 2132 5.1).
    /// `None` ends the limit. Returns whether the link can do this; one with [`LimitedMtu`](crate::LimitedMtu) in it can.
    fn limit_mtu(&mut self, mtu: Option<usize>) -> bool {
        let _ = mtu;
        false
    }

    /// What may be left undone in what is sent, because the interface does it.
    fn offloads(&self) -> Offloads {
        Offloads::NONE
    }

    /// How many frames can be sent before one is dropped, see [`Netif::room`](netif::Netif::room).
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Whether frames leave, see [`Netif::link_up`](netif::Netif::link_up).
    fn link_up(&self) -> bool {
        true
    }

    /// How often that is to be asked, see [`Netif::link_interval`](netif::Netif::link_interval).
    fn link_interval(&self) -> Option<Duration> {
        None
    }

    /// From now on, receives frames to the multicast address `group`.
    ///
    /// # Errors
    /// It is not the address of a group, or too many are joined.
    fn join(&mut self, group: MacAddr) -> Result<(), JoinError>;

    /// Stops receiving frames to `group`.
    fn leave(&mut self, group: MacAddr);

    /// Sends a frame. `offload` says what was left undone in its payload. A frame above the MTU is dropped
    /// and counted, unless the interface is to cut it.
    ///
    /// # Errors
    /// The device is broken.
    fn send(
        &mut self,
        now: Instant,
        destination: MacAddr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), Self::Error>;
}
