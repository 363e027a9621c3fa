//! The runtime of a Xen guest.

use core::{convert::Infallible, fmt, ptr::NonNull, slice, time::Duration};

use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, Runtime, TaskStore, Wake};
#[cfg(feature = "cores")]
use rt_pvh::{Other, team::Team};
use rt_pvh::{
    Shutdown,
    arguments::Arguments,
    entropy::{Cpu, Entropy},
    program::{Program, check_entropy},
    pvclock::Clock,
};
#[cfg(feature = "page")]
use rt_pvh::{boot_time, pvclock::time_stamp};
use rt_regions::{PAGE_SIZE, Pool, Region};

#[cfg(feature = "cores")]
use crate::processors::{self, Bells};
use crate::{
    Errno, GrantCounts, Machine, Port, StoreError,
    console::{self, Console, ConsoleInterface},
    domain::Domain,
    events::{Channel, Events},
    grants::{GrantEntry, Grants},
    operations::{HvmParam, MapSpace, Xen},
    platform,
    shared_info::SharedInfo,
    shared_pages::{HOLE_FRAMES, shared_page},
    shutdown::Control,
    xenstore::{Client, XenstoreInterface},
};

mod error;
mod first;
#[cfg(feature = "cores")]
mod role;

pub(crate) use error::RuntimeError;
use first::First;
#[cfg(feature = "cores")]
use role::{OtherCore, Role};

/// The number of frames of the grant table, with 512 entries each. Two are enough for an interface with both its rings
/// full, with 256 entries each.
const GRANT_FRAMES: u64 = 2;

/// The error if the pages of Xen cannot be mapped.
const NO_FRAMES: RuntimeError = RuntimeError::Missing("no free frames for the pages of Xen");

/// The event that this runtime waits for: an event channel. An interface that is not attached has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event(pub Option<Port>);

/// The runtime of a guest of Xen.
#[derive(Debug)]
pub struct Rt {
    program: Program,
    role: Role,
}

/// What the core that this runs on has of the guest.
#[cfg(not(feature = "cores"))]
type Role = First;

impl Rt {
    /// The runtime of the machine that the entry code has set up. It finds Xen's pages, and listens to the operator
    /// from now on. As soon as the console is found, lines go to it.
    ///
    /// # Errors
    /// A bad command line (status 2). A refusal by Xen or xenstore, or weak entropy where strong entropy is required
    /// (status 1).
    #[inline(never)]
    pub(crate) fn new(machine: Machine) -> Result<Self, Error> {
        #[cfg(feature = "page")]
        let (use_of_memory, entered) = (machine.use_of_memory, time_stamp());
        #[cfg(feature = "cores")]
        let processors = machine.processors;
        let Machine { xen, command_line, pool, memory, .. } = machine;
        xen.no_callback().map_err(cannot("turn interrupts for events off"))?;
        // SAFETY: the only machine, by the invariant of its field, ends here: so this is the only call, nothing is
        // in the hole yet, and nobody else uses the pages that Xen shares.
        let (shared, entries) = unsafe { map_pages(xen) }?;
        platform::set_shared_info(shared);
        let clock: &'static Clock<'static> = memory.alloc(shared.clock())?;
        #[cfg(feature = "page")]
        let memory_was_ready = boot_time::at(clock).saturating_sub(clock.duration_since(entered));
        let events = Events::new(xen, shared);
        let channel = |port| Channel { events, clock, port };

        // SAFETY: the page of the console has that structure, of atomics alone.
        let console_ring = unsafe {
            ring::<ConsoleInterface>(xen, HvmParam::ConsolePfn, HvmParam::ConsoleEvtchn)
        }?;
        let console = match console_ring {
            Some((page, port)) => Some(&*memory.alloc(Console::new(page, channel(port)))?),
            None => None,
        };
        if let Some(console) = console {
            console::set(console);
        }
        let arguments = Arguments::read(command_line, memory)?;

        // SAFETY: the page of xenstore has that structure, of atomics alone.
        let (store_page, store_port) =
            unsafe { ring::<XenstoreInterface>(xen, HvmParam::StorePfn, HvmParam::StoreEvtchn) }?
                .ok_or(RuntimeError::Missing("Xen gave this guest no xenstore"))?;
        #[cfg(feature = "cores")]
        let bells = match processors {
            1 => None,
            count => Some(&*memory.alloc(Bells::open(xen, count)?)?),
        };
        let domain: &'static Domain = memory.alloc_with(|| Domain {
            pool,
            clock,
            events,
            grants: Grants::new(entries),
            store: Client::new(store_page, channel(store_port)),
            store_port,
            console,
            console_port: console_ring.map(|(_, port)| port),
            #[cfg(feature = "cores")]
            bell: bells.map(|_| processors::bell(0)),
        })?;
        let control = Control::new(&domain.store).map_err(RuntimeError::Operator)?;
        #[cfg_attr(not(feature = "cores"), expect(unused_mut, reason = "the secret of all cores"))]
        let mut entropy = seed(domain);
        check_entropy(&entropy, &arguments)?;
        #[cfg(feature = "cores")]
        let seat = match bells {
            None => None,
            Some(bells) => {
                let mut secret = [0; 16];
                entropy.fill(&mut secret);
                let secret = u128::from_ne_bytes(secret);
                Some(Team::found(processors, arguments, secret, memory, bells, false)?)
            }
        };
        let program = Program::new(arguments, memory, entropy);
        #[cfg(feature = "cores")]
        let program = program.with_seat(seat);
        #[cfg(feature = "page")]
        {
            program.note_start(use_of_memory)?;
            program.step("memory", memory_was_ready);
            program.step("xenstore", boot_time::at(clock));
        }
        let first = First {
            domain,
            control,
            is_deaf: false,
            #[cfg(feature = "cores")]
            xen,
        };
        #[cfg(feature = "cores")]
        let first = Role::First(first);
        Ok(Self { program, role: first })
    }

    /// The runtime of another core than the first.
    ///
    /// # Errors
    /// No room in its memory (status 1).
    #[cfg(feature = "cores")]
    pub(crate) fn other(other: &Other) -> Result<Self, Error> {
        let Other { index, memory, .. } = *other;
        let seat = Team::join(index, memory)?;
        let core = OtherCore::new(other)?;
        let secret = seat.core.shared_seed().unwrap_or_default().to_le_bytes();
        let own = [index as u64, core.clock.now().as_nanos()].map(u64::to_le_bytes);
        let entropy = Entropy::new(Cpu::detect(), &[&secret, &own[0], &own[1]]);
        let program = Program::new(seat.team.arguments, memory, entropy).with_seat(Some(seat));
        Ok(Self { program, role: Role::Other(core) })
    }

    /// The event of a core that has no device: its bell.
    #[cfg(feature = "cores")]
    pub fn bell_event(&self) -> Event {
        Event(None)
    }

    /// What it has as any guest has.
    #[doc(hidden)]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The guest, for a driver.
    ///
    /// # Panics
    /// On another core than the first, which has no devices (feature `cores`).
    pub fn guest(&self) -> &'static Domain {
        self.role.domain()
    }

    /// The statistics of the grant table.
    ///
    /// # Panics
    /// On another core than the first, which has no devices (feature `cores`).
    pub fn grant_counts(&self) -> GrantCounts {
        self.role.domain().grants.counts()
    }

    /// How the domain ends when the service does: as the operator has asked.
    pub(crate) fn shutdown(&self) -> Shutdown {
        self.role.shutdown()
    }
}

impl Runtime for Rt {
    type Event = Event;
    /// A guest has no files, so frames cannot be recorded.
    type Recorder = Infallible;

    #[cfg(feature = "cores")]
    fn core(&self) -> cores::Core {
        self.program.core()
    }

    #[inline]
    fn now(&self) -> Instant {
        self.role.clock().now()
    }

    fn wall_time(&self) -> Option<Duration> {
        self.role.clock().wall_time()
    }

    fn task_store(&self) -> &TaskStore {
        self.program.tasks()
    }

    fn wait(&mut self, event: &Event, deadline: Option<Instant>) -> Result<Wake, Error> {
        self.program.waits(self.role.clock());
        match self.pending_request() {
            Wake::Continue => {}
            wake => return Ok(wake),
        }
        // A bell that rings from here on is pending, and ends the wait at once.
        #[cfg(feature = "cores")]
        let result =
            self.program.core().sleep(|| self.role.wait(event, deadline)).unwrap_or(Ok(()));
        #[cfg(not(feature = "cores"))]
        let result = self.role.wait(event, deadline);
        result.map_err(cannot("wait"))?;
        if self.role.becomes_deaf() {
            let broken = StoreError::Broken;
            self.print(format_args!("{broken}: xl shutdown, xl reboot and xl sysrq are not heard"));
        }
        Ok(self.pending_request())
    }

    #[inline]
    fn pending_request(&mut self) -> Wake {
        #[cfg(feature = "cores")]
        self.program.say_news(self.role.clock());
        self.role.pending_request()
    }

    #[cfg(feature = "cores")]
    fn confine(&mut self) -> Result<(), Error> {
        let others = self.program.core().count() - 1;
        self.program.confine(self.role.clock(), || match &self.role {
            Role::First(first) => processors::start(first.xen, others),
            Role::Other(_) => Ok(()),
        })
    }

    #[cfg(feature = "cores")]
    fn serving(&mut self, line: fmt::Arguments<'_>) {
        self.program.serving(self.role.clock(), line);
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.program.fill(out);
        Ok(())
    }

    fn args(&self) -> impl Iterator<Item = &'static str> {
        self.program.args()
    }

    fn has_log(&self) -> bool {
        cfg!(feature = "defmt")
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        self.program.print(self.role.clock(), line);
    }

    #[cfg(feature = "page")]
    fn milestone(&mut self, name: &'static str) {
        self.program.step(name, boot_time::at(self.role.clock()));
    }

    #[cfg(feature = "page")]
    #[inline]
    fn begin(&mut self, activity: Activity, now: Instant) {
        self.program.begin(activity, now);
    }

    #[cfg(feature = "page")]
    fn insight(&mut self) -> Result<Option<&'static dyn Insight>, Error> {
        self.program.insight("guest of Xen", self.role.clock())
    }

    fn memory(&self) -> &'static Region<'static> {
        self.program.memory()
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.role.pool()
    }
}

/// Makes a runtime error for an operation that Xen refused.
pub(crate) fn cannot(what: &'static str) -> impl FnOnce(Errno) -> RuntimeError {
    move |errno| RuntimeError::Xen(what, errno)
}

/// Asks Xen to map its page and the grant table into the hole.
///
/// # Safety
/// Called once: nothing is in the hole yet.
unsafe fn map_pages(
    xen: Xen,
) -> Result<(&'static SharedInfo, &'static [GrantEntry]), RuntimeError> {
    const { assert!(GRANT_FRAMES < HOLE_FRAMES.end - HOLE_FRAMES.start) };
    let first = HOLE_FRAMES.start;
    // SAFETY: nothing is in the frame.
    unsafe { xen.add_to_physmap(MapSpace::SharedInfo, 0, first) }
        .map_err(cannot("map struct shared_info"))?;
    let shared = shared_page(first).ok_or(NO_FRAMES)?.cast();
    for index in 0..GRANT_FRAMES {
        // SAFETY: nothing is in the frame.
        unsafe { xen.add_to_physmap(MapSpace::GrantTable, index, first + 1 + index) }
            .map_err(cannot("map the grant table"))?;
    }
    let entries = shared_page(first + 1).ok_or(NO_FRAMES)?.cast();
    let count = GRANT_FRAMES as usize * PAGE_SIZE / size_of::<GrantEntry>();
    // SAFETY: the pages are next to each other, mapped as long as the guest runs, and full of such
    // entries, which are atomic.
    let entries = unsafe { slice::from_raw_parts(entries.as_ptr(), count) };
    // SAFETY: the page is mapped as long as the guest runs and begins with this structure, of atomics and
    // of bytes that nobody writes.
    Ok((unsafe { shared.as_ref() }, entries))
}

/// The page of a ring that Xen has created, and its event channel, or `None` if Xen has created none.
///
/// # Safety
/// `T` is what is in the page: no more than a page, and atomics alone.
unsafe fn ring<T>(
    xen: Xen,
    page: HvmParam,
    port: HvmParam,
) -> Result<Option<(&'static T, Port)>, RuntimeError> {
    const { assert!(size_of::<T>() <= PAGE_SIZE) };
    // SAFETY: mapped as long as the guest runs, and a `T`, as the caller promises.
    Ok(ring_page(xen, page, port)?.map(|(page, port)| (unsafe { page.cast().as_ref() }, port)))
}

/// The address of the page of a ring that Xen has created, and its event channel, or `None` if Xen has created none.
#[inline(never)]
fn ring_page(
    xen: Xen,
    page: HvmParam,
    port: HvmParam,
) -> Result<Option<(NonNull<u8>, Port)>, RuntimeError> {
    let frame = xen.hvm_param(page).map_err(cannot("find the page of a ring"))?;
    let port = xen.hvm_param(port).map_err(cannot("find the port of a ring"))?;
    if frame == 0 {
        return Ok(None);
    }
    let page = shared_page(frame).ok_or(RuntimeError::Unmapped(frame))?;
    let port = u32::try_from(port).ok().filter(|port| *port != 0);
    Ok(port.map(|port| (page, Port(port))))
}

/// A generator that is seeded with the data that is specific to this guest.
fn seed(domain: &Domain) -> Entropy<Cpu> {
    let mut values = [[0; 64]; 3];
    for (path, buffer) in ["vm", "name", "domid"].iter().zip(&mut values) {
        // A missing value adds nothing.
        let _ = domain.store.read(format_args!("{path}"), buffer);
    }
    let (seconds, nanos) = domain.clock.wall_start().unwrap_or_default();
    let now = domain.clock.now().as_nanos().to_le_bytes();
    let [vm, name, domid] = &values;
    let seeds: [&[u8]; 6] = [vm, name, domid, &seconds.to_le_bytes(), &nanos.to_le_bytes(), &now];
    Entropy::new(Cpu::detect(), &seeds)
}
