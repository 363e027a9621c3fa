//! What the cores of a program share of a device with a pair of queues for each of them: atomics alone.
//!
//! The first core has the device. Another core makes its queues in memory of its own, and says where they are ([`Seat::lend`]). The
//! first core tells the device, at its next reset, and says so ([`Pairs::use_all`]). After a reset that has taken them from the
//! device, a new epoch begins: then each core takes its pages back, and lends new ones.

use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};

use rt_regions::{Exhausted, Region};

/// What was agreed with the device, as far as the queues of other cores depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// See [`features`](crate::features).
    pub(crate) features: u64,
    /// The MTU in bytes.
    pub(crate) mtu: usize,
    /// The number of entries of each queue of a pair.
    pub(crate) sizes: [u16; 2],
}

impl Agreement {
    /// Two words, the second with the MTU above the sizes.
    fn to_words(self) -> [u64; 2] {
        let [rx, tx] = self.sizes.map(u64::from);
        [self.features, (self.mtu as u64) << 32 | rx << 16 | tx]
    }

    fn from_words([features, rest]: [u64; 2]) -> Self {
        let sizes = [(rest >> 16) as u16, rest as u16];
        Self { features, mtu: (rest >> 32) as usize, sizes }
    }
}

/// The queues of a core that is not the first.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// The epoch in which they were lent.
    lent: AtomicU32,
    /// Where the descriptors and the rings of each queue are, for the device.
    areas: [[AtomicU64; 2]; 2],
    /// How many entries each has.
    sizes: [AtomicU16; 2],
}

/// The queues of a core, as it has lent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lent {
    /// Where the descriptors and the rings of each queue are, for the device.
    pub(crate) areas: [[u64; 2]; 2],
    /// How many entries each has.
    pub(crate) sizes: [u16; 2],
}

/// What the cores of a program share of a device that has a pair of queues for each of them.
#[derive(Debug)]
pub struct Pairs {
    /// How often the queues of other cores were taken from the device, or have to be others. 0 until the first agreement.
    epoch: AtomicU32,
    /// The epoch in which the device uses them; 0 if it does not.
    in_use: AtomicU32,
    agreement: [AtomicU64; 2],
    /// How often another core had something to say.
    news: AtomicU32,
    /// Whether the device has violated the protocol in a queue of another core.
    is_violated: AtomicBool,
    seats: &'static [Seat],
}

impl Pairs {
    /// Those of a program with so many cores, in `memory`.
    ///
    /// # Errors
    /// There is no room.
    pub fn new(cores: usize, memory: &'static Region<'static>) -> Result<&'static Self, Exhausted> {
        let seats = memory.alloc_slice_with(cores.saturating_sub(1), |_| Seat::default())?;
        Ok(memory.alloc(Self {
            epoch: AtomicU32::new(0),
            in_use: AtomicU32::new(0),
            agreement: [const { AtomicU64::new(0) }; 2],
            news: AtomicU32::new(0),
            is_violated: AtomicBool::new(false),
            seats,
        })?)
    }

    /// How many cores there are.
    pub(crate) fn cores(&self) -> usize {
        self.seats.len() + 1
    }

    /// The epoch. When it has changed, the device does not use what was lent before.
    #[inline]
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The epoch in which the device uses the queues of all cores; 0 if it does not.
    #[inline]
    pub(crate) fn in_use(&self) -> u32 {
        self.in_use.load(Ordering::Acquire)
    }

    /// What was agreed with the device in this epoch. If another one begins meanwhile, nobody takes what is made of it.
    pub(crate) fn agreement(&self) -> Agreement {
        Agreement::from_words([0, 1].map(|at: usize| self.agreement[at].load(Ordering::Relaxed)))
    }

    /// How often another core had something to say.
    #[inline]
    pub(crate) fn news(&self) -> u32 {
        self.news.load(Ordering::Acquire)
    }

    /// The place of a core; `None` for the first one.
    pub(crate) fn seat(&self, core: usize) -> Option<&'static Seat> {
        self.seats.get(core.checked_sub(1)?)
    }

    // The first core.

    /// Begins an epoch with another agreement. The device uses no queue of another core.
    pub(crate) fn agree(&self, agreement: Agreement) {
        for (place, word) in self.agreement.iter().zip(agreement.to_words()) {
            place.store(word, Ordering::Relaxed);
        }
        self.begin_epoch();
    }

    /// Begins an epoch: the device was reset, and uses no queue of another core.
    pub(crate) fn begin_epoch(&self) {
        self.in_use.store(0, Ordering::Release);
        // There is no epoch 0.
        let next = self.epoch.load(Ordering::Relaxed).checked_add(1).unwrap_or(1);
        self.epoch.store(next, Ordering::Release);
    }

    /// The queues of all other cores, if all have lent them in this epoch.
    pub(crate) fn all(&self) -> Option<impl Iterator<Item = Lent> + Clone> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        let is_there = |seat: &Seat| seat.lent.load(Ordering::Acquire) == epoch;
        (epoch != 0 && self.seats.iter().all(is_there)).then(|| self.seats.iter().map(Seat::read))
    }

    /// Says that the device uses the queues of all cores.
    pub(crate) fn use_all(&self) {
        self.in_use.store(self.epoch.load(Ordering::Relaxed), Ordering::Release);
    }

    /// Whether the device has violated the protocol in a queue of another core since the last call.
    pub(crate) fn take_violation(&self) -> bool {
        self.is_violated.swap(false, Ordering::Acquire)
    }

    // Other cores.

    /// Says that the device has violated the protocol in a queue of this core.
    pub(crate) fn report_violation(&self) {
        self.is_violated.store(true, Ordering::Release);
        self.report();
    }

    /// Has the first core look at the device.
    pub(crate) fn report(&self) {
        self.news.fetch_add(1, Ordering::Release);
    }

    /// Lends the queues of a core in this epoch.
    pub(crate) fn lend(&self, seat: &Seat, epoch: u32, lent: Lent) {
        for (places, areas) in seat.areas.iter().zip(lent.areas) {
            for (place, area) in places.iter().zip(areas) {
                place.store(area, Ordering::Relaxed);
            }
        }
        for (place, size) in seat.sizes.iter().zip(lent.sizes) {
            place.store(size, Ordering::Relaxed);
        }
        seat.lent.store(epoch, Ordering::Release);
        self.report();
    }
}

impl Seat {
    fn read(&self) -> Lent {
        let area = |queue: usize, part: usize| self.areas[queue][part].load(Ordering::Relaxed);
        Lent {
            areas: [0, 1].map(|queue| [0, 1].map(|part| area(queue, part))),
            sizes: [0, 1].map(|queue: usize| self.sizes[queue].load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agreement_is_read_as_it_was_written() {
        for agreement in [
            Agreement::default(),
            Agreement { features: u64::MAX, mtu: 65_517, sizes: [256, 32] },
            Agreement { features: 1 << 32, mtu: 68, sizes: [32, 256] },
        ] {
            assert_eq!(Agreement::from_words(agreement.to_words()), agreement);
        }
    }
}
