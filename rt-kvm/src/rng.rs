//! Seeds from the host: an entropy device (virtio-rng, virtio 1.2, 5.4), which is asked once, at the start.
//!
//! It is polled: no interrupt is routed, and after the reset at the end it uses no memory of the guest.

use core::{
    hint,
    ptr::NonNull,
    sync::atomic::{AtomicU16, AtomicU32, Ordering, fence},
    time::Duration,
};

use layer::Instant;
use rt_pvh::pvclock::Clock;
use rt_regions::{PAGE_SIZE, Pool};
use virtio_drivers::transport::{DeviceStatus, Transport};

/// How many bytes are asked for: as many as the generator has of state.
pub(crate) const SEED: usize = 32;

/// `VIRTIO_F_VERSION_1`.
const VERSION_1: u64 = 1 << 32;
/// The only queue (`requestq`), and its size: as few entries as all devices can do with.
const QUEUE: u16 = 0;
const SIZE: u16 = 1;
/// What the device and the guest share: all of the queue, and the buffer. The device reads and writes it meanwhile, so it is
/// atomics alone.
#[repr(C, align(64))]
struct Shared {
    /// The only descriptor: address, its upper half, length, flags (`struct virtq_desc`).
    descriptor: [AtomicU32; 4],
    /// Flags, index and the only entry, which has the number 0 (`struct virtq_avail`), and what fills up to the next.
    available: [AtomicU16; 4],
    /// Flags, index (`struct virtq_used`).
    used: [AtomicU16; 2],
    /// The only entry: number and length (`struct virtq_used_elem`).
    used_entry: [AtomicU32; 2],
    buffer: [AtomicU32; SEED / 4],
}

const _: () = assert!(size_of::<Shared>() <= PAGE_SIZE);

/// In a descriptor: the device writes the buffer. In the ring: it need not interrupt.
const WRITE: u32 = 2;
const NO_INTERRUPT: u16 = 1;

/// How long it may take to answer, and to confirm a reset.
const TIMEOUT: Duration = Duration::from_millis(100);

/// Random bytes of the host, or `None` if the device does not give as many in time, or is none of virtio 1.
pub(crate) fn seed(
    transport: &mut impl Transport,
    pool: &'static Pool<'static>,
    clock: &Clock<'_>,
) -> Option<[u8; SEED]> {
    let mut page = pool.page("virtio-rng").ok()?;
    page.zero();
    let shared: NonNull<Shared> = page.as_ptr().cast();
    // SAFETY: a page is aligned, mapped for ever and large enough. It was zeroed, which is a value of atomics, and the page is
    // used by nothing else as long as this lives.
    let seed = ask(transport, unsafe { shared.as_ref() }, clock);
    if reset(transport, clock) {
        // The seed is nobody else's.
        page.zero();
    } else {
        // The device may still write there.
        core::mem::forget(page);
    }
    seed
}

/// Asks the device. It is reset before, and not behind.
fn ask(transport: &mut impl Transport, shared: &Shared, clock: &Clock<'_>) -> Option<[u8; SEED]> {
    if !reset(transport, clock) {
        return None;
    }
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);
    if transport.requires_legacy_layout() || transport.read_device_features() & VERSION_1 == 0 {
        return None;
    }
    transport.write_driver_features(VERSION_1);
    status |= DeviceStatus::FEATURES_OK;
    transport.set_status(status);
    if !transport.get_status().contains(DeviceStatus::FEATURES_OK)
        || transport.max_queue_size(QUEUE) < SIZE.into()
    {
        return None;
    }
    let Shared { descriptor, available, used, used_entry, buffer } = shared;
    // Every address is the physical one.
    let address = |part: *const u8| part.expose_provenance() as u64;
    let start = address(buffer.as_ptr().cast());
    let words = [start as u32, (start >> 32) as u32, SEED as u32, WRITE];
    for (place, word) in descriptor.iter().zip(words) {
        place.store(word.to_le(), Ordering::Relaxed);
    }
    transport.queue_set(
        QUEUE,
        SIZE.into(),
        address(descriptor.as_ptr().cast()),
        address(available.as_ptr().cast()),
        address(used.as_ptr().cast()),
    );
    transport.set_status(status | DeviceStatus::DRIVER_OK);
    available[0].store(NO_INTERRUPT.to_le(), Ordering::Relaxed);
    available[1].store(1_u16.to_le(), Ordering::Release);
    // The device sees the buffer before the notification.
    fence(Ordering::SeqCst);
    transport.notify(QUEUE);
    if !comes_true(clock, || used[1].load(Ordering::Acquire) != 0) {
        return None;
    }
    let [id, length] = used_entry.each_ref().map(|word| word.load(Ordering::Relaxed));
    // It may give fewer bytes than were asked for (5.4.6.1). What it says of others is not believed.
    if id != 0 || u32::from_le(length) as usize != SEED {
        return None;
    }
    let mut seed = [0; SEED];
    for (bytes, word) in seed.chunks_exact_mut(4).zip(buffer) {
        bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
    // A device that has written nothing has left the zeroes.
    (seed != [0; SEED]).then_some(seed)
}

/// Resets the device. Returns whether it has confirmed that: then it uses no memory any more.
fn reset(transport: &mut impl Transport, clock: &Clock<'_>) -> bool {
    transport.set_status(DeviceStatus::empty());
    comes_true(clock, || transport.get_status().is_empty())
}

/// Whether it comes true in time.
fn comes_true(clock: &Clock<'_>, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline: Instant = clock.now() + TIMEOUT;
    while !is_true() {
        if clock.now() >= deadline {
            return false;
        }
        hint::spin_loop();
    }
    true
}

#[cfg(test)]
mod tests;
