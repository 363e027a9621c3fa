//! Our end of a split virtqueue (virtio 1.2, 2.7): descriptors are made available, and come back used.
//!
//! Both pages are shared with an untrusted device. They are only accessed with atomics, each word is read once, and
//! nothing that we wrote is read back. The index of the device is checked against what was made available.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU16, AtomicU32, Ordering, fence},
};

use rt_regions::PAGE_SIZE;

use crate::ProtocolViolation;

/// The largest number of descriptors of a queue: their table fills a page.
pub(crate) const MAX_SIZE: u16 = 256;

/// The size of a descriptor in bytes (`struct virtq_desc`, 2.7.5).
const DESCRIPTOR: usize = 16;

/// The position of the used ring in the page of the rings, in bytes. The available ring is at the beginning.
pub(crate) const USED: usize = 1024;

/// `VIRTQ_AVAIL_F_NO_INTERRUPT`: the device need not interrupt.
const NO_INTERRUPT: u16 = 1;

/// `VIRTQ_USED_F_NO_NOTIFY`: the driver need not notify.
const NO_NOTIFY: u16 = 1;

/// The flags of a descriptor (2.7.5).
pub(crate) mod flag {
    /// The buffer continues in another descriptor.
    pub(crate) const NEXT: u16 = 1;
    /// The device writes the buffer.
    pub(crate) const WRITE: u16 = 2;
}

const _: () = assert!(DESCRIPTOR * MAX_SIZE as usize <= PAGE_SIZE);
// Flags, index, entries and event index of both rings.
const _: () = assert!(4 + 2 * MAX_SIZE as usize + 2 <= USED);
const _: () = assert!(USED + 4 + 8 * MAX_SIZE as usize + 2 <= PAGE_SIZE);

/// A descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// The address for the device.
    pub(crate) address: u64,
    /// The length in bytes.
    pub(crate) length: u32,
    /// See [`flag`].
    pub(crate) flags: u16,
    /// The next descriptor, if the flag says that there is one.
    pub(crate) next: u16,
}

/// An entry of the used ring, as the device wrote it (2.7.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// The first descriptor of the buffer.
    pub(crate) id: u32,
    /// How many bytes of it the device has written.
    pub(crate) length: u32,
}

/// A queue. Indices count up and wrap around at 2^16.
pub(crate) struct Queue {
    /// The page of the descriptor table.
    ///
    /// INVARIANT: a whole page, mapped as long as this value lives, that we touch by this value's atomics of 32 bits alone.
    descriptors: NonNull<u8>,
    /// The page of the rings.
    ///
    /// INVARIANT: a whole page, mapped as long as this value lives, that we touch by this value's atomics alone, each
    /// place by those of one size.
    rings: NonNull<u8>,
    /// The number of descriptors.
    ///
    /// INVARIANT: a power of two, and at most [`MAX_SIZE`].
    size: u16,
    /// Whether both ends say at which index they want to hear of the other (`VIRTIO_F_EVENT_IDX`).
    event_idx: bool,
    /// Whether the device is asked to interrupt, if there are no event indices.
    armed: bool,
    /// How many buffers were made available.
    ///
    /// INVARIANT: at most `size` more than `consumed`.
    produced: u16,
    /// How many of them the device can see.
    published: u16,
    /// How many of them were taken into account by [`must_notify`](Self::must_notify).
    notified: u16,
    /// How many used buffers were taken.
    consumed: u16,
    /// How many used buffers there are, as the device last stated.
    ///
    /// INVARIANT: at least `consumed`, at most `published` (counting from `consumed`).
    seen: u16,
}

impl Queue {
    /// Makes an empty queue of `size` descriptors in two pages, which are zeroed.
    ///
    /// # Safety
    /// Both are whole pages, aligned as one, and mapped as long as this value lives; we access them by this value only.
    ///
    /// # Panics
    /// `size` is no power of two, or more than [`MAX_SIZE`].
    pub(crate) unsafe fn new(
        descriptors: NonNull<u8>,
        rings: NonNull<u8>,
        size: u16,
        event_idx: bool,
    ) -> Self {
        assert!(size.is_power_of_two() && size <= MAX_SIZE, "no size of a queue");
        Self {
            descriptors,
            rings,
            size,
            event_idx,
            armed: true,
            produced: 0,
            published: 0,
            notified: 0,
            consumed: 0,
            seen: 0,
        }
    }

    /// Sixteen bits of the page of the rings, at `offset` in bytes.
    #[inline]
    fn half(&self, offset: usize) -> &AtomicU16 {
        assert!(offset.is_multiple_of(2) && offset < PAGE_SIZE);
        // SAFETY: it is in the page.
        let half = unsafe { self.rings.add(offset) };
        // SAFETY: by the invariant of `rings` it is mapped, aligned, and accessed by atomics alone. Entries of the used
        // ring, which are words, are never accessed here: flags, indices and the entries of the available ring lie
        // before or behind them.
        unsafe { half.cast().as_ref() }
    }

    /// Thirty-two bits of `page`, at `offset` in bytes.
    ///
    /// # Safety
    /// `page` is one of our two, and in that of the rings there is an entry of the used ring at `offset`.
    #[inline]
    unsafe fn word(&self, page: NonNull<u8>, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset < PAGE_SIZE);
        // SAFETY: it is in the page.
        let word = unsafe { page.add(offset) };
        // SAFETY: by the invariants it is mapped, aligned, and accessed by atomics alone, of this size, says the caller.
        unsafe { word.cast().as_ref() }
    }

    /// The position of an index in a ring.
    #[inline]
    fn position(&self, index: u16) -> usize {
        usize::from(index & (self.size - 1))
    }

    /// The index of the available ring.
    #[inline]
    fn available_index(&self) -> &AtomicU16 {
        self.half(2)
    }

    /// `used_event`: the index of the used buffer after which we want an interrupt.
    #[inline]
    fn used_event(&self) -> &AtomicU16 {
        self.half(4 + 2 * usize::from(self.size))
    }

    /// The number of descriptors.
    #[inline]
    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    /// How many buffers are with the device.
    #[inline]
    pub(crate) fn outstanding(&self) -> u16 {
        self.produced.wrapping_sub(self.consumed)
    }

    /// How many buffers were made available and not published.
    #[inline]
    pub(crate) fn unpublished(&self) -> u16 {
        self.produced.wrapping_sub(self.published)
    }

    /// How many buffers were published since the last call of [`must_notify`](Self::must_notify).
    #[inline]
    pub(crate) fn unnotified(&self) -> u16 {
        self.published.wrapping_sub(self.notified)
    }

    /// Writes a descriptor, which is not with the device.
    #[inline]
    pub(crate) fn describe(&mut self, index: u16, descriptor: Descriptor) {
        let Descriptor { address, length, flags, next } = descriptor;
        let words = [
            address as u32,
            (address >> 32) as u32,
            length,
            u32::from(flags) | u32::from(next) << 16,
        ];
        let start = self.position(index) * DESCRIPTOR;
        for (number, word) in words.into_iter().enumerate() {
            // SAFETY: it is the page of the descriptors.
            let place = unsafe { self.word(self.descriptors, start + 4 * number) };
            place.store(word.to_le(), Ordering::Relaxed);
        }
    }

    /// Makes a buffer available, by its first descriptor. The device does not see it yet. Returns whether there was a
    /// place.
    #[inline]
    pub(crate) fn push(&mut self, head: u16) -> bool {
        if self.outstanding() >= self.size {
            return false;
        }
        let place = 4 + 2 * self.position(self.produced);
        self.half(place).store(head.to_le(), Ordering::Relaxed);
        self.produced = self.produced.wrapping_add(1);
        true
    }

    /// Publishes all buffers that were made available.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.published = self.produced;
        self.available_index().store(self.produced.to_le(), Ordering::Release);
    }

    /// Whether the device asked to be notified of the buffers that were published since the last call (2.7.10).
    #[inline]
    pub(crate) fn must_notify(&mut self) -> bool {
        let before = core::mem::replace(&mut self.notified, self.published);
        if before == self.published {
            return false;
        }
        // The device must see the buffers before we read whether it went to sleep.
        fence(Ordering::SeqCst);
        if !self.event_idx {
            return u16::from_le(self.half(USED).load(Ordering::Relaxed)) & NO_NOTIFY == 0;
        }
        let event = self.half(USED + 4 + 8 * usize::from(self.size)).load(Ordering::Relaxed);
        // `vring_need_event`: the index after the event is one of those that were published since.
        self.published.wrapping_sub(u16::from_le(event)).wrapping_sub(1)
            < self.published.wrapping_sub(before)
    }

    /// The next used buffer, if there is one.
    ///
    /// # Errors
    /// The device states that more buffers were used than were available.
    #[inline]
    pub(crate) fn pop(&mut self) -> Result<Option<Used>, ProtocolViolation> {
        if self.seen == self.consumed && !self.look()? {
            return Ok(None);
        }
        let start = USED + 4 + 8 * self.position(self.consumed);
        let [id, length] = [0, 4].map(|offset| {
            // SAFETY: it is an entry of the used ring.
            let word = unsafe { self.word(self.rings, start + offset) };
            u32::from_le(word.load(Ordering::Relaxed))
        });
        self.consumed = self.consumed.wrapping_add(1);
        if self.armed && !self.event_idx {
            // While buffers are taken, the device need not interrupt.
            self.armed = false;
            self.half(0).store(NO_INTERRUPT.to_le(), Ordering::Relaxed);
        }
        Ok(Some(Used { id, length }))
    }

    /// Whether there are used buffers, as the device states now.
    fn look(&mut self) -> Result<bool, ProtocolViolation> {
        let used = u16::from_le(self.half(USED + 2).load(Ordering::Acquire));
        let waiting = used.wrapping_sub(self.consumed);
        // It never goes back, and is never beyond what was published.
        if waiting > self.published.wrapping_sub(self.consumed)
            || waiting < self.seen.wrapping_sub(self.consumed)
        {
            return Err(ProtocolViolation::Index(used));
        }
        self.seen = used;
        Ok(waiting > 0)
    }

    /// Asks for an interrupt at the next used buffer; returns whether there is one already.
    ///
    /// # Errors
    /// The device states that more buffers were used than were available.
    pub(crate) fn final_check(&mut self) -> Result<bool, ProtocolViolation> {
        self.armed = true;
        if self.event_idx {
            self.used_event().store(self.consumed.to_le(), Ordering::Relaxed);
        } else {
            self.half(0).store(0, Ordering::Relaxed);
        }
        // The device must see our request for an interrupt before we find the ring empty.
        fence(Ordering::SeqCst);
        self.look()
    }

    /// Asks not to be interrupted: by flag, or by an event index that cannot come before the indices have gone half round.
    pub(crate) fn never_interrupt(&mut self) {
        self.armed = false;
        if self.event_idx {
            let never = self.consumed.wrapping_add(1 << 15);
            self.used_event().store(never.to_le(), Ordering::Relaxed);
        } else {
            self.half(0).store(NO_INTERRUPT.to_le(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
