//! The interface between the driver and the guest that it runs in.

use core::ptr::NonNull;

use layer::Instant;
use rt_regions::Pool;

/// What a device does with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The device reads the page.
    Read,
    /// The device writes the page.
    Write,
    /// The device reads and writes the page: it holds rings.
    Both,
}

/// A guest, as the driver sees it beside the [`Transport`](crate::Transport) of the device: memory, time, interrupts. A
/// platform provides it. A test has its own, with a simulated device.
///
/// # Safety
/// * While a page is shared, the device reaches it at the address that [`share`](Self::share) has returned.
/// * The device reaches no page of the pool that is not shared. On a machine without an IOMMU nothing enforces that, and
///   the device is trusted so far: it uses the addresses that it was given, and not those that it made up.
pub unsafe trait Guest {
    /// What a runtime can wait on until the device has interrupted.
    type Event;

    /// What to wait on: interrupts for used buffers of both queues, and for changes of the configuration.
    fn event(&self) -> Self::Event;

    /// The time now.
    fn now(&self) -> Instant;

    /// Sleeps until the device interrupts, or `deadline` passes. An interrupt that came since the last sleep ends it at
    /// once.
    fn sleep(&self, deadline: Instant);

    /// The pool of pages.
    fn pool(&self) -> &'static Pool<'static>;

    /// Lets the device use a page until [`unshare`](Self::unshare), and returns the address by which the device knows it.
    /// On a machine without an IOMMU that is the physical address.
    ///
    /// # Safety
    /// `page` is a whole page of the pool that is mapped for as long as it is shared, and Rust does not rely on its
    /// contents while the device may write it. Whatever it holds is what the device sees.
    unsafe fn share(&self, page: NonNull<u8>, access: Access) -> u64;

    /// Ends what [`share`](Self::share) began. The device has given the page back, or was reset.
    fn unshare(&self, page: NonNull<u8>);

    /// Whether the device has interrupted for a change of its configuration since the last call (bit 1 of the ISR status,
    /// virtio 1.2, 4.1.4.5 and 4.2.2). The handler of the interrupt reads and acknowledges it. The call is cheap: it is
    /// made for every packet.
    fn config_changed(&self) -> bool;
}

/// What a core that does not have the device needs beside a [`Guest`].
#[cfg(feature = "cores")]
pub trait OtherCore: Guest {
    /// Notifies the device of a queue of this core, by its number at the device (virtio 1.2, 4.1.5.2).
    fn notify(&self, queue: u16);

    /// Wakes the first core, which has the device.
    fn wake_first(&self);
}

#[cfg(feature = "cores")]
impl<G: OtherCore> OtherCore for &G {
    #[inline]
    fn notify(&self, queue: u16) {
        (**self).notify(queue);
    }

    fn wake_first(&self) {
        (**self).wake_first();
    }
}

// SAFETY: all is done by the guest behind the reference.
unsafe impl<G: Guest> Guest for &G {
    type Event = G::Event;

    fn event(&self) -> G::Event {
        (**self).event()
    }

    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn sleep(&self, deadline: Instant) {
        (**self).sleep(deadline);
    }

    fn pool(&self) -> &'static Pool<'static> {
        (**self).pool()
    }

    #[inline]
    unsafe fn share(&self, page: NonNull<u8>, access: Access) -> u64 {
        // SAFETY: what the caller promises.
        unsafe { (**self).share(page, access) }
    }

    #[inline]
    fn unshare(&self, page: NonNull<u8>) {
        (**self).unshare(page);
    }

    #[inline]
    fn config_changed(&self) -> bool {
        (**self).config_changed()
    }
}
