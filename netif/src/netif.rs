//! The trait of a network device, which is below the lowest layer.

use core::{error::Error, fmt, num::NonZeroU16, time::Duration};

use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use rt_regions::Region;

use crate::MacAddr;

/// What the device knows about the checksums in a received frame, except that of the IPv4 header, which is
/// always verified.
///
/// It says nothing about a fragment of an IPv4 datagram: a device sees frames, but the checksum belongs to
/// the datagram. Linux marks fragments that it made itself as verified, and passes on what a guest says about
/// its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// They were not checked: the receiver verifies them.
    #[default]
    NotChecked,
    /// The device verified them.
    Verified,
    /// They are blank, because the frame never left this host: there is nothing to verify. In the place of a
    /// checksum there is 0, or the sum of the pseudo header, as the sender left it.
    Blank,
}

impl Checksums {
    /// Whether the receiver has to verify them.
    pub fn must_verify(self) -> bool {
        self == Self::NotChecked
    }
}

/// A received frame, in the region that [`Netif::receive`] was given.
#[derive(Clone, Copy, Debug)]
pub struct RxFrame<'r> {
    /// The frame, from the destination address on, without the frame check sequence.
    pub bytes: &'r [u8],
    /// What is known of the checksums inside.
    pub checksums: Checksums,
    /// For a frame with a TCP segment that was joined from several: the number of data bytes in each of them, except the
    /// last, which may have fewer. Such a frame may be longer than the MTU, up to 65,535 bytes of IPv4 or IPv6.
    pub segment_size: Option<NonZeroU16>,
}

impl<'r> RxFrame<'r> {
    /// A frame as it was on the wire, of whose checksums nothing is known.
    pub fn new(bytes: &'r [u8]) -> Self {
        Self { bytes, checksums: Checksums::NotChecked, segment_size: None }
    }
}

/// A network interface: frames in, frames out.
pub trait Netif {
    /// Why the device is broken. Bad input is not an error: it is counted and dropped.
    type Error: Error;
    /// What a runtime can wait on until a frame may be waiting: a file descriptor, an event channel.
    type Event;

    /// The hardware address.
    fn mac(&self) -> MacAddr;

    /// The largest payload of a frame in bytes, without the Ethernet header.
    fn mtu(&self) -> usize;

    /// What may be left undone in a frame, because the interface does it. It changes only when the device behind the
    /// interface is replaced.
    fn offloads(&self) -> Offloads {
        Offloads::NONE
    }

    /// How many frames the interface takes before [`transmit`](Self::transmit) drops one: the free places of
    /// a ring, for example. A frame that the interface cuts counts as often as there are pieces. An interface that
    /// does not know returns `usize::MAX`.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Whether frames leave: the cable is plugged in, the interface is up.
    fn link_up(&self) -> bool {
        true
    }

    /// Whether the device spreads what it receives over the queues of all cores now. If not, the core that has the device
    /// receives for all.
    fn is_spread(&self) -> bool {
        false
    }

    /// How often to ask [`link_up`](Self::link_up), if the [event](Self::event) does not report that its
    /// answer has changed.
    fn link_interval(&self) -> Option<Duration> {
        None
    }

    /// What to wait on.
    fn event(&self) -> Self::Event;

    /// The next frame, in `region`. [`Rx::Handled`] means that a frame was there and was lost, for example
    /// because the region had no room. The loss is in the counters.
    ///
    /// # Errors
    /// The device is broken.
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Self::Error>;

    /// Sends `frame`, which begins with its Ethernet header. A frame that the device cannot take now is
    /// dropped and counted. The device may hold a frame back until [`receive`](Self::receive) is called
    /// again, to send it together with later ones.
    ///
    /// `offload` says what was left undone in it. The caller leaves undone only what [`offloads`](Self::offloads) says
    /// that the interface does: a frame of which more was left undone is dropped and counted, or goes out as it is.
    ///
    /// # Errors
    /// The device is broken.
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Self::Error>;

    /// Writes the place of the interface, with a space before it: its name, if it has one, and its hardware
    /// address.
    ///
    /// # Errors
    /// That of the formatter.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " on {}", self.mac())
    }

    /// Shows each counter of the device to `visit`.
    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        let _ = visit;
    }
}
