//! What all cores of a program share: the rings between each two of them, and who sleeps.

use rt_regions::{Exhausted, Region};

use crate::{
    atomic::{AtomicBool, AtomicU64, Ordering},
    claims::Claims,
    notice::Notice,
    ring::Ring,
    sleep::Sleep,
};

/// The most cores that a program can have.
pub const MAX_CORES: usize = 32;

/// How many numbers a core can publish.
pub(crate) const BOARD: usize = 508;

/// What a message is for: each purpose has a ring of its own, so that none stands in the way of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Frames that another core must see.
    Frames,
    /// Packets for a port that another core serves.
    Packets,
    /// What services tell each other.
    Messages,
    /// Frames between the first core, which has the interface, and another one. Between two others there is no such ring.
    Wire,
}

impl Channel {
    /// Those that each core has to each other one: all but the last.
    pub(crate) const MESH: usize = 3;
    /// All of them.
    pub(crate) const COUNT: usize = Self::MESH + 1;
}

/// How many words the first core can [announce](crate::Core::announce).
pub const NOTICES: usize = 4;

/// How long the ring of each channel is, in bytes. Each becomes a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of [`Channel::Frames`].
    pub frames: usize,
    /// Of [`Channel::Packets`].
    pub packets: usize,
    /// Of [`Channel::Messages`].
    pub messages: usize,
    /// Of [`Channel::Wire`], each way. With 0 there are no such rings.
    pub wire: usize,
}

impl Sizes {
    /// For a program of `count` cores with `bytes` of memory in all: the rings take a sixteenth of it at most, and become no
    /// longer than a burst of the longest packets needs. There is no [`Channel::Wire`].
    pub fn within(bytes: usize, count: usize) -> Self {
        /// A packet of 65,535 bytes, and its head.
        const PACKET: usize = 128 << 10;
        let pairs = (count * count.saturating_sub(1)).max(1);
        // Six parts for each pair: two of frames, three of packets, one of messages.
        let part = bytes / 16 / pairs / 6;
        Self {
            frames: ring_size(2 * part, 1024, 1 << 20),
            packets: ring_size(3 * part, 1024, 2 * PACKET),
            messages: ring_size(part, 1024, 64 << 10),
            wire: 0,
        }
    }

    /// These, and [`Channel::Wire`], for a program whose first core alone has the interface: an eighth of `bytes` at most, unless that
    /// is too little for two frames of 1,514 bytes. From 4 MiB on they take all fragments of the longest datagram, for two cores.
    #[must_use]
    pub fn with_wire(self, bytes: usize, count: usize) -> Self {
        let each = bytes / 8 / (2 * count.saturating_sub(1)).max(1);
        Self { wire: ring_size(each, 4096, 256 << 10), ..self }
    }

    /// These, for a program whose interface may have a queue for each core: fragments of datagrams come to any of them, and are passed
    /// on. The rings of frames take an eighth of `bytes` at most: from 4 MiB on all fragments of the longest datagram, for two cores.
    #[must_use]
    pub fn with_queues(self, bytes: usize, count: usize) -> Self {
        let each = bytes / 8 / (count * count.saturating_sub(1)).max(1);
        Self { frames: ring_size(each, 1024, 256 << 10).max(self.frames), ..self }
    }

    fn of_mesh(self) -> [usize; Channel::MESH] {
        [self.frames, self.packets, self.messages].map(words)
    }
}

/// The bytes of a ring that may have `share` of the memory: a power of two from `least` to `most`.
fn ring_size(share: usize, least: usize, most: usize) -> usize {
    (1 << share.max(least).ilog2()).min(most)
}

/// As many words as a ring of so many bytes has.
fn words(bytes: usize) -> usize {
    (bytes / 8).max(8).next_power_of_two()
}

/// Words for a ring.
type Words = &'static [AtomicU64];

/// Wakes cores: an eventfd, an event channel, an interrupt.
pub trait Doorbell: Sync {
    /// Wakes `core`, if it sleeps, or ends its next sleep at once.
    fn ring(&self, core: usize);

    /// Lets the other cores go on for some microseconds, called by one that waits for another. A platform whose cores may have to
    /// share a processor gives that up.
    fn pause(&self) {
        core::hint::spin_loop();
    }
}

/// What each core has of its own, for others to see.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Slot {
    pub(crate) joined: AtomicBool,
    pub(crate) sleep: Sleep,
    /// What the core is asked for, as bits.
    pub(crate) requests: AtomicU64,
    /// Whether its loop has ended.
    pub(crate) finished: AtomicBool,
    /// When the core last published, how long it had worked, and how long it had slept, in nanoseconds.
    pub(crate) load: [AtomicU64; 4],
    /// How often the board was written.
    pub(crate) edition: AtomicU64,
    /// How many numbers are on the board.
    pub(crate) length: AtomicU64,
    pub(crate) board: [AtomicU64; BOARD],
}

/// What the cores of a program share.
pub struct Cores {
    count: usize,
    /// Drawn once, for what all cores must agree on.
    seed: u128,
    bell: &'static dyn Doorbell,
    slots: &'static [Slot],
    /// For each core that sends, for each that receives, for each channel of the mesh.
    rings: &'static [Ring<'static>],
    /// For each core but the first: the ring from the first one, and that to it. Empty if there is no [`Channel::Wire`].
    wires: &'static [Ring<'static>],
    claims: Claims,
    /// What the first core has announced.
    notices: [AtomicU64; NOTICES],
    notice: Notice,
}

impl Cores {
    /// What `count` cores share, in `memory`, which must stay as it is. `seed` is unpredictable, and the secret that all cores
    /// have in common.
    ///
    /// # Errors
    /// `memory` has no room.
    ///
    /// # Panics
    /// `count` is 0 or above [`MAX_CORES`].
    pub fn new(
        memory: &'static Region<'static>,
        count: usize,
        seed: u128,
        sizes: Sizes,
        bell: &'static dyn Doorbell,
    ) -> Result<&'static Self, Exhausted> {
        assert!((1..=MAX_CORES).contains(&count), "{count} cores: 1 to {MAX_CORES} can be");
        let in_mesh = sizes.of_mesh();
        let all: usize = in_mesh.iter().sum();
        let pairs = count * count;
        // A core sends nothing to itself: its ring is the shortest, and empty.
        let mut rest: Words = memory
            .alloc_slice_with(all * (pairs - count) + 8 * Channel::MESH * count, |_| {
                AtomicU64::new(0)
            })?;
        let rings = memory.alloc_slice_with(pairs * Channel::MESH, |nth| {
            let (pair, channel) = (nth / Channel::MESH, nth % Channel::MESH);
            let (from, to) = (pair / count, pair % count);
            let (words, after) = rest.split_at(if from == to { 8 } else { in_mesh[channel] });
            rest = after;
            Ring::new(words)
        })?;
        let wires = if sizes.wire == 0 { 0 } else { 2 * (count - 1) };
        let in_wire = words(sizes.wire);
        let rest: Words = memory.alloc_slice_with(wires * in_wire, |_| AtomicU64::new(0))?;
        let wires =
            memory.alloc_slice_with(wires, |nth| Ring::new(&rest[nth * in_wire..][..in_wire]))?;
        let slots = memory.alloc_slice_with(count, |_| Slot {
            joined: AtomicBool::new(false),
            sleep: Sleep::new(),
            requests: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            load: core::array::from_fn(|_| AtomicU64::new(0)),
            edition: AtomicU64::new(0),
            length: AtomicU64::new(0),
            board: core::array::from_fn(|_| AtomicU64::new(0)),
        })?;
        let notices = core::array::from_fn(|_| AtomicU64::new(0));
        let (claims, notice) = (Claims::new(), Notice::new());
        let cores = Self { count, seed, bell, slots, rings, wires, claims, notices, notice };
        Ok(memory.alloc(cores)?)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn seed(&self) -> u128 {
        self.seed
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn slot(&'static self, core: usize) -> &'static Slot {
        &self.slots[core]
    }

    pub(crate) fn notices(&self) -> &[AtomicU64; NOTICES] {
        &self.notices
    }

    /// The ring of a channel of the mesh.
    pub(crate) fn ring(
        &'static self,
        from: usize,
        to: usize,
        channel: usize,
    ) -> &'static Ring<'static> {
        &self.rings[(from * self.count + to) * Channel::MESH + channel]
    }

    /// How many rings of [`Channel::Wire`] the core has each way: one to each other core if it is the first, or one to that.
    pub(crate) fn wires_of(&self, core: usize) -> usize {
        let all = self.wires.len() / 2;
        if core == 0 { all } else { all.min(1) }
    }

    /// The ring of [`Channel::Wire`] between the first core and the core `other`.
    pub(crate) fn wire(&'static self, other: usize, from_first: bool) -> &'static Ring<'static> {
        &self.wires[2 * (other - 1) + usize::from(!from_first)]
    }

    pub(crate) fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Asks `core` for what the bits say, and wakes it.
    pub fn request(&self, core: usize, bits: u64) {
        let slot = &self.slots[core];
        slot.requests.fetch_or(bits, Ordering::Release);
        self.wake(core);
    }

    /// Wakes `core` if it sleeps, after something was put where it looks.
    #[inline]
    pub(crate) fn wake(&self, core: usize) {
        if self.slots[core].sleep.must_ring() {
            self.bell.ring(core);
        }
    }

    /// How often `core` has published numbers.
    pub fn edition(&self, core: usize) -> u64 {
        self.slots[core].edition.load(Ordering::Acquire)
    }

    /// The number that `core` published last in the place `nth`; 0 if there is none.
    pub fn number(&self, core: usize, nth: usize) -> u64 {
        let slot = &self.slots[core];
        let length = slot.length.load(Ordering::Acquire) as usize;
        slot.board
            .get(nth)
            .filter(|_| nth < length)
            .map_or(0, |number| number.load(Ordering::Relaxed))
    }

    pub(crate) fn pause(&self) {
        self.bell.pause();
    }

    /// How many numbers `core` has published last.
    pub fn numbers(&self, core: usize) -> usize {
        self.slots[core].length.load(Ordering::Acquire) as usize
    }

    /// Whether `core` has [finished](crate::Core::finish).
    pub fn has_finished(&self, core: usize) -> bool {
        self.slots[core].finished.load(Ordering::Acquire)
    }
}

impl core::fmt::Debug for Cores {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cores").field("count", &self.count).finish_non_exhaustive()
    }
}
