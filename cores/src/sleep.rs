//! Who sleeps: so that a bell is rung only for whom it wakes.

use crate::atomic::{AtomicBool, Ordering, fence};

/// Whether a core sleeps.
///
/// The core that wants to sleep calls [`begin`](Self::begin), and *then* looks whether there is something to do; only if
/// not, it sleeps. The core that has something for it puts that where it is looked for, and *then* asks
/// [`must_ring`](Self::must_ring). In each of the four steps, the write comes before the read, with a fence between. So at
/// least one of the two sees what the other did (the pattern "store buffering"): no wake-up is lost.
#[derive(Debug)]
pub struct Sleep(AtomicBool);

impl Sleep {
    /// A core that does not sleep.
    #[expect(clippy::new_without_default, reason = "a core that sleeps has no default")]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The core is about to sleep. What it looks for afterwards, it finds, or its bell is rung.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The core does not sleep, or no longer.
    pub fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether it says that it sleeps, or is about to.
    pub fn is_asleep(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether the bell of the core must be rung after something was put where the core looks. Of several who ask, one
    /// rings.
    pub fn must_ring(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}
