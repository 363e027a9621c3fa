//! What every layer is.

use core::{error::Error, fmt};

use rt_regions::Region;

use crate::{Counter, Instant, Setup};

/// The answer of a layer that was asked for the next item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rx<T> {
    /// Nothing is waiting: sleep until the event or the deadline.
    Idle,
    /// Something was there, and a layer below kept it: ask again at once.
    Handled,
    /// The next item.
    Item(T),
}

impl<T> Rx<T> {
    /// This answer with `change` made to the item.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Rx<U> {
        match self {
            Self::Idle => Rx::Idle,
            Self::Handled => Rx::Handled,
            Self::Item(item) => Rx::Item(change(item)),
        }
    }

    /// The item, if there is one.
    pub fn item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Idle | Self::Handled => None,
        }
    }
}

/// A layer is a filter. It owns the layer below, asks it for the next item, keeps what is its own
/// and hands the rest up. Sending is the matter of the traits that extend this one (`Link`,
/// `Network`).
///
/// No layer reads a clock: the time is an argument, and never goes back.
pub trait Layer {
    /// Why the device is broken; nothing else is an error.
    type Error: Error;
    /// What a runtime can wait on until an item may be waiting: a file descriptor, an event channel.
    type Event;
    /// What is handed up: a frame, a packet.
    type Item<'r>;

    /// What to wait on.
    fn event(&self) -> Self::Event;

    /// Does what is due at `now` (a retry, an expiry), takes the next item from the layer below,
    /// and handles it or hands it up. What is handed up lives in `region`.
    ///
    /// # Errors
    /// The device is broken.
    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Self::Item<'r>>, Self::Error>;

    /// Takes back an item that was handed up and that nobody above wanted: counted, and answered
    /// where the protocol has an answer for that.
    ///
    /// # Errors
    /// The device is broken.
    fn unclaimed(&mut self, now: Instant, item: Self::Item<'_>) -> Result<(), Self::Error>;

    /// When [`receive`](Self::receive) is to be called even though nothing has arrived.
    fn next_deadline(&self) -> Option<Instant>;

    /// Whether the tower has what it takes to serve: an address that is ours, a lease. Until then the loop does not say that
    /// it serves.
    ///
    /// # Errors
    /// It will never have it, and why: the program ends.
    fn ready(&self) -> Result<bool, &dyn fmt::Display> {
        Ok(true)
    }

    /// Shows each counter of this layer and of those below to `visit`, the lowest layer first.
    fn counters(&self, visit: &mut dyn FnMut(Counter));

    /// Does what `setup` asks for and is a matter of this layer, takes that out, and hands the rest to the layer below. The
    /// log of `all` layers is turned on in each of them.
    ///
    /// A layer that does nothing of it and has none below leaves this method out.
    fn configure(&mut self, setup: &mut Setup<'_>) {
        let _ = setup;
    }

    /// Writes where the tower serves, the highest layer first, each part with a space before it:
    /// ` udp 8080 at 10.0.0.2/24 on tap0 02:00:0a:00:00:02`. A layer that has nothing to add hands it on.
    ///
    /// # Errors
    /// That of the formatter.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        Ok(())
    }
}

impl Instant {
    /// The earlier of two deadlines, either of which may be missing.
    pub fn earliest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}
