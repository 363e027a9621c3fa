//! The runtime of a guest of Xen or of KVM.

use core::{convert::Infallible, fmt, time::Duration};

use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, Runtime, TaskStore, Wake};
use rt_pvh::{Shutdown, program::Program};
use rt_regions::{Pool, Region};

use crate::{Event, Machine};

/// The runtime of a guest, whichever the host is.
#[derive(Debug)]
pub enum Rt {
    /// On Xen.
    Xen(rt_xen::Rt),
    /// On KVM.
    Kvm(rt_kvm::Rt),
}

/// Calls a method of the runtime that there is.
macro_rules! each {
    ($self:ident, $rt:ident => $call:expr) => {
        match $self {
            Self::Xen($rt) => $call,
            Self::Kvm($rt) => $call,
        }
    };
}

impl Rt {
    pub(crate) fn new(machine: Machine) -> Result<Self, Error> {
        match machine {
            Machine::Xen(machine) => rt_xen::private::runtime(machine).map(Self::Xen),
            Machine::Kvm(machine) => rt_kvm::private::runtime(machine).map(Self::Kvm),
        }
    }

    /// The runtime of another core than the first, on the same host.
    #[cfg(feature = "cores")]
    pub(crate) fn other(host: Option<rt_kvm::Host>, other: &rt_pvh::Other) -> Result<Self, Error> {
        match host {
            None => rt_xen::private::runtime_of_other(other).map(Self::Xen),
            Some(host) => rt_kvm::private::runtime_of_other(host, other).map(Self::Kvm),
        }
    }

    /// The event of a core that has no device: its bell.
    #[cfg(feature = "cores")]
    pub fn bell_event(&self) -> Event {
        match self {
            Self::Xen(rt) => Event::Xen(rt.bell_event()),
            Self::Kvm(rt) => Event::Kvm(rt.bell_event()),
        }
    }

    /// What all guests have.
    fn program(&self) -> &Program {
        each!(self, rt => rt.program())
    }

    /// How the guest ends when the service does: as the operator has asked.
    pub(crate) fn shutdown(&self) -> Shutdown {
        match self {
            Self::Xen(rt) => rt_xen::private::shutdown(rt),
            Self::Kvm(_) => Shutdown::PowerOff,
        }
    }
}

impl Runtime for Rt {
    type Event = Event;
    /// A guest has no files, so frames cannot be recorded.
    type Recorder = Infallible;

    #[cfg(feature = "cores")]
    fn core(&self) -> cores::Core {
        self.program().core()
    }

    #[inline]
    fn now(&self) -> Instant {
        each!(self, rt => rt.now())
    }

    fn wall_time(&self) -> Option<Duration> {
        each!(self, rt => rt.wall_time())
    }

    fn task_store(&self) -> &TaskStore {
        self.program().tasks()
    }

    /// An interface of this crate's family has the event of the host that it was opened on. With another one, the wait ends
    /// at once, which is a wake-up too many and none too few.
    fn wait(&mut self, event: &Event, deadline: Option<Instant>) -> Result<Wake, Error> {
        match (self, event) {
            (Self::Xen(rt), Event::Xen(event)) => rt.wait(event, deadline),
            (Self::Kvm(rt), Event::Kvm(event)) => rt.wait(event, deadline),
            (rt, _) => Ok(rt.pending_request()),
        }
    }

    #[inline]
    fn pending_request(&mut self) -> Wake {
        each!(self, rt => rt.pending_request())
    }

    #[cfg(feature = "cores")]
    fn confine(&mut self) -> Result<(), Error> {
        each!(self, rt => rt.confine())
    }

    #[cfg(feature = "cores")]
    fn serving(&mut self, line: fmt::Arguments<'_>) {
        each!(self, rt => rt.serving(line));
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        each!(self, rt => rt.entropy(out))
    }

    fn args(&self) -> impl Iterator<Item = &'static str> {
        self.program().args()
    }

    fn has_log(&self) -> bool {
        cfg!(feature = "defmt")
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        each!(self, rt => rt.print(line));
    }

    #[cfg(feature = "page")]
    fn milestone(&mut self, name: &'static str) {
        each!(self, rt => rt.milestone(name));
    }

    #[cfg(feature = "page")]
    #[inline]
    fn begin(&mut self, activity: Activity, now: Instant) {
        self.program().begin(activity, now);
    }

    #[cfg(feature = "page")]
    fn insight(&mut self) -> Result<Option<&'static dyn Insight>, Error> {
        each!(self, rt => rt.insight())
    }

    fn memory(&self) -> &'static Region<'static> {
        self.program().memory()
    }

    fn pool(&self) -> &'static Pool<'static> {
        each!(self, rt => rt.pool())
    }
}
