//! The trait that every layer implements.

use core::{error::Error, fmt};

use rt_regions::Region;

use crate::{AllCores, Counter, Instant, Setup};

/// The result of asking a layer for its next item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rx<T> {
    /// Nothing is waiting: the caller sleeps until the event or the deadline.
    Idle,
    /// An item was there, and a layer handled it: the caller asks again at once.
    Handled,
    /// The next item.
    Item(T),
}

impl<T> Rx<T> {
    /// Applies `change` to the item.
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

/// A layer is a filter. It owns the layer below, asks it for the next item, handles the items that are its own and
/// hands the others up. Traits that extend this one (`Link`, `Network`) define how to send.
///
/// No layer reads a clock: the time is an argument, which never goes back.
pub trait Layer {
    /// Whether [`end`](Self::end) does anything, here or below. If not, a program has no code for it.
    const SAYS_GOODBYE: bool = false;

    /// The reason why the device is broken. Nothing else is an error.
    type Error: Error;
    /// The source of events that a runtime waits on until an item may have arrived: a file descriptor, an event
    /// channel.
    type Event;
    /// The item that the layer hands up: a frame, a packet.
    type Item<'r>;

    /// The source of events to wait on.
    fn event(&self) -> Self::Event;

    /// Does the work that is due at `now` (a retry, an expiry), takes the next item from the layer below, and handles
    /// it or hands it up. The item that is handed up lives in `region`.
    ///
    /// # Errors
    /// The device is broken.
    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Self::Item<'r>>, Self::Error>;

    /// Takes back an item that was handed up and that no layer above claimed. The layer counts it, and sends an error
    /// if its protocol has one.
    ///
    /// # Errors
    /// The device is broken.
    fn unclaimed(&mut self, now: Instant, item: Self::Item<'_>) -> Result<(), Self::Error>;

    /// When to call [`receive`](Self::receive) even if nothing has arrived.
    fn next_deadline(&self) -> Option<Instant>;

    /// Whether the tower can serve: it has, for example, an address of its own, or a lease. Until then the main loop
    /// does not announce that it serves. It looks before each call of [`receive`](Self::receive), and sleeps after one that gave
    /// [`Rx::Idle`]: so a layer that can serve since a deadline gives [`Rx::Handled`] in that call.
    ///
    /// # Errors
    /// The reason why the tower can never serve. The program ends.
    fn ready(&self) -> Result<bool, &dyn fmt::Display> {
        Ok(true)
    }

    /// Says goodbye, where a protocol has a message for that: the program is about to end. The loop repeats this, and takes turns in
    /// between, until it is true or a second has passed.
    ///
    /// # Errors
    /// The device is broken.
    #[inline]
    fn end(&mut self, now: Instant) -> Result<bool, Self::Error> {
        let _ = now;
        Ok(true)
    }

    /// Calls `visit` with each counter of this layer and of the layers below, the lowest layer first.
    fn counters(&self, visit: &mut dyn FnMut(Counter));

    /// All cores of a program that has several, if a layer knows them. A layer that stands on one that may forwards the call.
    #[inline]
    fn all_cores(&self) -> Option<&dyn AllCores> {
        None
    }

    /// Calls `line` with a line for each connection of this layer and of the layers below. A layer without connections
    /// that stands on one with them forwards the call.
    fn list(&self, line: &mut dyn FnMut(fmt::Arguments<'_>)) {
        let _ = line;
    }

    /// Applies the settings in `setup` that concern this layer, removes them, and passes the rest to the layer below. A
    /// log of `all` layers is turned on in each layer.
    ///
    /// The default does nothing. It is for a layer that has no settings and no layer below.
    fn configure(&mut self, setup: &mut Setup<'_>) {
        let _ = setup;
    }

    /// Writes where the tower serves, the highest layer first, with a space before each part:
    /// ` udp 8080 at 10.0.0.2/24 on tap0 02:00:0a:00:00:02`. A layer that has nothing to add forwards the call.
    ///
    /// # Errors
    /// The error of the formatter.
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
