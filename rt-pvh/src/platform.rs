//! What the ground needs of the platform that stands on it: where lines go, how the machine ends, and the page of the
//! clock. What is memory and what belongs to devices is its [`Plan`](crate::Plan).

use core::{cell::OnceCell, fmt};

use crate::{one_cpu::OneCpu, pvclock::VcpuTimeInfo};

/// Why the machine ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shutdown {
    /// The program has done its work.
    #[default]
    PowerOff,
    /// The machine should be started again.
    Reboot,
    /// Something is broken.
    Crash,
}

/// The kind of a line, which decides where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line of the program: on the console. If there is none, or another line is being written to it, the line goes
    /// to the [`debug`](crate::debug) port.
    Program,
    /// A line of the log: on the console, or nowhere.
    Log,
    /// One of the last lines: everywhere.
    Last,
}

/// A platform: what differs between hosts that start a guest in the same way. It is registered once, by
/// [`Loader::open`](crate::Loader::open).
///
/// No method needs memory, and each may be called while the guest reports why it ends.
pub trait Platform: Sync {
    /// Prints one line. The non-maskable interrupt, after which the guest goes on, prints lines too, in the middle of
    /// anything.
    fn print(&self, kind: Line, line: fmt::Arguments<'_>);

    /// Ends the machine. It returns only if that fails; the machine is then [reset](crate::reset).
    fn shut_down(&self, reason: Shutdown);

    /// The page of the clock, or `None` as long as it is not known.
    fn clock_page(&self) -> Option<&'static VcpuTimeInfo>;
}

// It is written before exceptions have handlers, and only read from then on.
static PLATFORM: OneCpu<OnceCell<&'static dyn Platform>> = OneCpu(OnceCell::new());

/// Registers the platform. The first one stays.
pub(crate) fn register(platform: &'static dyn Platform) {
    PLATFORM.0.get_or_init(|| platform);
}

/// The platform, once it is registered.
pub(crate) fn get() -> Option<&'static dyn Platform> {
    PLATFORM.0.get().copied()
}
