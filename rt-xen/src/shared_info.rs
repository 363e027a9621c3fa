//! The page that Xen shares with every guest: `struct shared_info` (`xen.h`), in the layout for a 64-bit guest.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use rt_pvh::pvclock::{Clock, VcpuTimeInfo, WallClock};

use crate::Port;

/// `XEN_LEGACY_MAX_VCPUS`.
const MAX_VCPUS: usize = 32;
/// Words of 64 event channels each.
const WORDS: usize = 64;

/// `struct vcpu_info`.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct VcpuInfo {
    evtchn_upcall_pending: AtomicU8,
    evtchn_upcall_mask: AtomicU8,
    evtchn_pending_sel: AtomicU64,
    arch: [AtomicU64; 2],
    pub(crate) time: VcpuTimeInfo,
}

/// The beginning of `struct shared_info`, with the fields that this crate uses.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct SharedInfo {
    pub(crate) vcpu_info: [VcpuInfo; MAX_VCPUS],
    evtchn_pending: [AtomicU64; WORDS],
    evtchn_mask: [AtomicU64; WORDS],
    pub(crate) wall_clock: WallClock,
}

const _: () = {
    assert!(size_of::<VcpuInfo>() == 64);
    assert!(core::mem::offset_of!(SharedInfo, evtchn_pending) == 2048);
    assert!(core::mem::offset_of!(SharedInfo, evtchn_mask) == 2560);
    assert!(core::mem::offset_of!(SharedInfo, wall_clock) == 3072);
    assert!(size_of::<SharedInfo>() == 3088);
};

impl SharedInfo {
    /// The clock of the first virtual processor.
    pub(crate) fn clock(&self) -> Clock<'_> {
        Clock::new(&self.vcpu_info[0].time, &self.wall_clock)
    }

    /// The clock of another virtual processor, of those that have their place in this page: the first 32.
    #[cfg(feature = "cores")]
    pub(crate) fn clock_of(&self, vcpu: usize) -> Option<Clock<'_>> {
        self.vcpu_info.get(vcpu).map(|info| Clock::new(&info.time, &self.wall_clock))
    }

    /// Masks all event channels. A masked channel still becomes pending and ends a poll, but Xen never interrupts the
    /// guest for it.
    pub(crate) fn mask_all(&self) {
        for word in &self.evtchn_mask {
            word.store(u64::MAX, Ordering::Relaxed);
        }
    }

    /// Whether an event is pending. It costs one load.
    #[inline]
    pub(crate) fn is_pending(&self, port: Port) -> bool {
        let (word, bit) = place(port);
        self.evtchn_pending.get(word).is_some_and(|word| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Whether an event has come since the last call. Everything that the other side did before it sent the event is
    /// visible after this call.
    pub(crate) fn take_pending(&self, port: Port) -> bool {
        let (word, bit) = place(port);
        // Xen may set bits of the same word at any time.
        self.evtchn_pending
            .get(word)
            .is_some_and(|word| word.fetch_and(!bit, Ordering::AcqRel) & bit != 0)
    }

    /// Sets an event pending, as Xen does.
    #[cfg(test)]
    pub(crate) fn set_pending(&self, port: Port) {
        let (word, bit) = place(port);
        self.evtchn_pending[word].fetch_or(bit, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(crate) fn zeroed() -> Self {
        use core::array::from_fn;
        Self {
            vcpu_info: from_fn(|_| VcpuInfo::default()),
            evtchn_pending: from_fn(|_| AtomicU64::new(0)),
            evtchn_mask: from_fn(|_| AtomicU64::new(0)),
            wall_clock: WallClock::default(),
        }
    }
}

/// The word of a channel, and its bit in that word.
fn place(port: Port) -> (usize, u64) {
    (port.0 as usize / 64, 1 << (port.0 % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_bit_of_its_own_and_there_is_none_beyond() {
        let shared = SharedInfo::zeroed();
        for port in [0, 1, 63, 64, 4095].map(Port) {
            assert!(!shared.is_pending(port) && !shared.take_pending(port));
            shared.set_pending(port);
            assert!(shared.is_pending(port) && !shared.is_pending(Port(port.0 ^ 1)));
            assert!(shared.take_pending(port));
            assert!(!shared.is_pending(port) && !shared.take_pending(port));
        }
        for port in [4096, u32::MAX].map(Port) {
            assert!(!shared.is_pending(port) && !shared.take_pending(port));
        }
    }

    #[test]
    fn taking_one_leaves_the_others() {
        let shared = SharedInfo::zeroed();
        for port in 0..4096 {
            shared.set_pending(Port(port));
        }
        assert!(shared.take_pending(Port(777)));
        assert_eq!((0..4096).filter(|&port| shared.is_pending(Port(port))).count(), 4095);
    }

    #[test]
    fn all_channels_can_be_masked() {
        let shared = SharedInfo::zeroed();
        shared.mask_all();
        assert!(shared.evtchn_mask.iter().all(|word| word.load(Ordering::Relaxed) == u64::MAX));
    }
}
