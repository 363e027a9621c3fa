use std::{boxed::Box, mem::MaybeUninit, vec};

use rt_pvh::pvclock::{VcpuTimeInfo, WallClock};
use virtio_drivers::{
    PhysAddr, Result,
    transport::{DeviceType, InterruptStatus},
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::*;

/// A device that answers with what it is told to.
#[derive(Clone, Copy)]
struct Device {
    is_legacy: bool,
    features: u64,
    agrees: bool,
    queue: u32,
    /// Whether it answers at all, and what it says it has used.
    answers: bool,
    id: u32,
    length: u32,
    bytes: [u8; SEED],
    /// How many resets it confirms.
    resets: u32,
    status: DeviceStatus,
    page: u64,
}

const GOOD: Device = Device {
    is_legacy: false,
    features: VERSION_1 | 0xff,
    agrees: true,
    queue: 8,
    answers: true,
    id: 0,
    length: SEED as u32,
    bytes: [0xa5; SEED],
    resets: 2,
    status: DeviceStatus::empty(),
    page: 0,
};

impl Transport for Device {
    fn device_type(&self) -> DeviceType {
        DeviceType::EntropySource
    }

    fn read_device_features(&mut self) -> u64 {
        self.features
    }

    fn write_driver_features(&mut self, features: u64) {
        assert_eq!(features, VERSION_1);
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        assert_eq!(queue, QUEUE);
        self.queue
    }

    /// It reads the descriptor, and writes what it was told to.
    fn notify(&mut self, queue: u16) {
        assert_eq!(queue, QUEUE);
        assert!(self.status.contains(DeviceStatus::DRIVER_OK | DeviceStatus::FEATURES_OK));
        let shared: *const Shared = core::ptr::with_exposed_provenance(self.page as usize);
        // SAFETY: it is what the driver has set as its queue, in a page that it keeps meanwhile.
        let shared = unsafe { &*shared };
        let words = |words: &[AtomicU32]| -> vec::Vec<_> {
            words.iter().map(|word| word.load(Ordering::Acquire)).collect()
        };
        let available = shared.available.each_ref().map(|half| half.load(Ordering::Acquire));
        assert_eq!(available, [NO_INTERRUPT, 1, 0, 0]);
        let buffer = shared.buffer.as_ptr().addr() as u64;
        let expected = [buffer as u32, (buffer >> 32) as u32, SEED as u32, 2];
        assert_eq!(words(&shared.descriptor), expected);
        if self.answers {
            for (place, bytes) in shared.buffer.iter().zip(self.bytes.chunks(4)) {
                let value = u32::from_le_bytes(bytes.try_into().expect("it is a word"));
                place.store(value, Ordering::Relaxed);
            }
            shared.used_entry[0].store(self.id, Ordering::Relaxed);
            shared.used_entry[1].store(self.length, Ordering::Relaxed);
            shared.used[1].store(1, Ordering::Release);
        }
    }

    fn get_status(&self) -> DeviceStatus {
        self.status
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.status = match status {
            reset if reset.is_empty() && self.resets == 0 => DeviceStatus::FAILED,
            agreed if !self.agrees => agreed - DeviceStatus::FEATURES_OK,
            status => status,
        };
        self.resets -= u32::from(status.is_empty() && self.resets > 0);
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        self.is_legacy
    }

    fn queue_set(
        &mut self,
        _: u16,
        size: u32,
        descriptors: PhysAddr,
        available: PhysAddr,
        used: PhysAddr,
    ) {
        assert_eq!(size, 1);
        // The ring of used entries is at a multiple of 4, and that of available ones at one of 2.
        assert_eq!([available, used], [16, 24].map(|at| descriptors + at));
        self.page = descriptors;
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, _: u16) -> bool {
        false
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::empty()
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, _: usize) -> Result<T> {
        Err(virtio_drivers::Error::Unsupported)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        Err(virtio_drivers::Error::Unsupported)
    }
}

/// What a device gives, and how many pages it keeps.
fn given(mut device: Device) -> (Option<[u8; SEED]>, usize) {
    let memory = Box::leak(vec![MaybeUninit::uninit(); 1 << 16].into_boxed_slice());
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
    let (time, wall) = (VcpuTimeInfo::new(), WallClock::new());
    // So fast that a test does not wait long.
    time.set(core::num::NonZeroU64::new(100_000_000).expect("it runs"), 0, 0);
    let before = pool.free_pages();
    let seed = seed(&mut device, pool, &Clock::new(&time, &wall));
    (seed, before - pool.free_pages())
}

#[test]
fn the_bytes_of_a_device_are_a_seed() {
    assert_eq!(given(GOOD), (Some([0xa5; SEED]), 0));
}

#[test]
fn what_is_no_seed_is_none_and_a_page_comes_back_after_a_reset_alone() {
    for (what, device, kept) in [
        ("a legacy device", Device { is_legacy: true, ..GOOD }, 0),
        ("no VERSION_1", Device { features: !VERSION_1, ..GOOD }, 0),
        ("it does not agree", Device { agrees: false, ..GOOD }, 0),
        ("no queue", Device { queue: 0, ..GOOD }, 0),
        ("it does not answer", Device { answers: false, ..GOOD }, 0),
        ("another buffer", Device { id: 1, ..GOOD }, 0),
        ("too few bytes", Device { length: 31, ..GOOD }, 0),
        ("more bytes than there is room for", Device { length: u32::MAX, ..GOOD }, 0),
        ("nothing was written", Device { bytes: [0; SEED], ..GOOD }, 0),
        ("it cannot be reset", Device { resets: 0, ..GOOD }, 1),
    ] {
        assert_eq!(given(device), (None, kept), "{what}");
    }
    // What it gave is one all the same.
    assert_eq!(given(Device { resets: 1, ..GOOD }), (Some([0xa5; SEED]), 1));
}
