//! What a core that does not have the network device reaches of it: the notifications of its queues, and the message by which they
//! interrupt it. The first core finds both; all of it is mapped for all cores.

use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use cores::MAX_CORES;

use crate::{apic::DEVICE_VECTOR, pci::msix::Messages, transport};

/// A pair for each core, and a queue of commands.
const QUEUES: usize = 2 * MAX_CORES + 1;

/// Where each queue is notified, but for those of the first core; null if there is no such queue.
///
/// INVARIANT: null, or a notification of [`SIZE`] bytes at a multiple of that, mapped for all cores as long as the guest lives.
static NOTIFICATIONS: [AtomicPtr<u8>; QUEUES] = [const { AtomicPtr::new(ptr::null_mut()) }; QUEUES];
/// How many bytes a notification has. It is written before any of them.
static SIZE: AtomicU8 = AtomicU8::new(0);

/// Where the table of messages is, and how many entries it has: none if the device has no messages.
///
/// INVARIANT: as many entries are there, and mapped for all cores.
static TABLE: AtomicU64 = AtomicU64::new(0);
static ENTRIES: AtomicU32 = AtomicU32::new(0);

/// Says where a queue is notified, by `size` bytes; `None` if it cannot be.
///
/// # Safety
/// It is a notification of this size, at a multiple of it, mapped for all cores as long as the guest lives.
pub(crate) unsafe fn set_notification(queue: u16, place: Option<NonNull<u8>>, size: u8) {
    let Some(known) = NOTIFICATIONS.get(usize::from(queue)) else { return };
    SIZE.store(size, Ordering::Relaxed);
    known.store(place.map_or(ptr::null_mut(), NonNull::as_ptr), Ordering::Release);
}

/// Notifies the device of a queue that is not of the first core; does nothing if there is none.
#[inline]
pub(crate) fn notify(queue: u16) {
    let place = NOTIFICATIONS.get(usize::from(queue)).map(|place| place.load(Ordering::Acquire));
    if let Some(place) = place.and_then(NonNull::new) {
        // SAFETY: by the invariant it is a notification of this size. Any value may be written by any core.
        unsafe { transport::write(place, SIZE.load(Ordering::Relaxed), queue.into()) };
    }
}

/// Says which messages the device has.
pub(crate) fn set_messages(messages: &Messages) {
    // SAFETY: by the invariant of the messages they are there, and the table of a device that is handed out is mapped.
    unsafe { set_entries(messages.table.address, messages.entries()) };
}

/// Says that so many entries of the table at this address may be used.
///
/// # Safety
/// They are there, and mapped for all cores as long as the guest lives.
pub(crate) unsafe fn set_entries(table: u64, entries: u32) {
    TABLE.store(table, Ordering::Relaxed);
    ENTRIES.store(entries, Ordering::Release);
}

/// The entry in the table of messages for used buffers of a queue: one for each core, but for that of the configuration behind
/// the first. `None` if the table has none for it.
pub(crate) fn entry(queue: u16) -> Option<u32> {
    let pair = u32::from(queue / 2);
    let entry = if pair == 0 { transport::QUEUE_MESSAGE } else { 1 + pair };
    (entry < ENTRIES.load(Ordering::Acquire) || pair == 0).then_some(entry)
}

/// Has the queues of this core, by its number from 1 on, interrupt the processor with the number `apic`. Returns whether they can.
pub(crate) fn interrupt(core: usize, apic: u32) -> bool {
    let queue = 2 * core as u16;
    let Some(entry) = entry(queue).filter(|_| core > 0 && apic <= Messages::LARGEST_APIC) else {
        return false;
    };
    let table = TABLE.load(Ordering::Relaxed);
    // SAFETY: by the invariant the entry is there, and mapped. It is this core's alone, and the vector has a handler.
    unsafe { Messages::set(table, entry, apic, DEVICE_VECTOR) };
    true
}
