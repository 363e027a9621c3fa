//! The runtime of a Xen guest.

use core::{convert::Infallible, fmt, ptr::NonNull, slice, time::Duration};

use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, Runtime, TaskStore, Wake};
use rt_pvh::{
    Shutdown,
    arguments::Arguments,
    entropy::{Cpu, Entropy},
    print,
    program::{Program, check_entropy},
    pvclock::Clock,
};
#[cfg(feature = "page")]
use rt_pvh::{boot_time, pvclock::time_stamp};
use rt_regions::{PAGE_SIZE, Pool, Region};

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

use error::RuntimeError;

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
    domain: &'static Domain,
    control: Control,
    /// Whether it was reported that the connection to xenstore is broken.
    is_deaf: bool,
}

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
        let domain: &'static Domain = memory.alloc_with(|| Domain {
            pool,
            clock,
            events,
            grants: Grants::new(entries),
            store: Client::new(store_page, channel(store_port)),
            store_port,
            console,
            console_port: console_ring.map(|(_, port)| port),
        })?;
        let control = Control::new(&domain.store).map_err(RuntimeError::Operator)?;
        let entropy = seed(domain);
        check_entropy(&entropy, &arguments)?;
        let program = Program::new(arguments, memory, entropy);
        #[cfg(feature = "page")]
        {
            program.note_start(use_of_memory)?;
            program.step("memory", memory_was_ready);
            program.step("xenstore", boot_time::at(clock));
        }
        Ok(Self { program, domain, control, is_deaf: false })
    }

    /// The guest, for a driver.
    pub fn guest(&self) -> &'static Domain {
        self.domain
    }

    /// The statistics of the grant table.
    pub fn grant_counts(&self) -> GrantCounts {
        self.domain.grants.counts()
    }

    /// Handles the operator's request, or returns what the program is to do.
    #[cold]
    #[inline(never)]
    fn answer(&self) -> Wake {
        self.control.pending_request(&self.domain.store, print)
    }

    /// How the domain ends when the service does: as the operator has asked.
    pub(crate) fn shutdown(&self) -> Shutdown {
        self.control.reason()
    }
}

impl Runtime for Rt {
    type Event = Event;
    /// A guest has no files, so frames cannot be recorded.
    type Recorder = Infallible;

    #[inline]
    fn now(&self) -> Instant {
        self.domain.clock.now()
    }

    fn wall_time(&self) -> Option<Duration> {
        self.domain.clock.wall_time()
    }

    fn task_store(&self) -> &TaskStore {
        self.program.tasks()
    }

    fn wait(&mut self, event: &Event, deadline: Option<Instant>) -> Result<Wake, Error> {
        self.program.waits(self.domain.clock);
        match self.pending_request() {
            Wake::Continue => {}
            wake => return Ok(wake),
        }
        self.domain.wait(event.0, deadline).map_err(cannot("wait"))?;
        if self.domain.store.is_broken() && !self.is_deaf {
            self.is_deaf = true;
            let broken = StoreError::Broken;
            self.print(format_args!("{broken}: xl shutdown, xl reboot and xl sysrq are not heard"));
        }
        Ok(self.pending_request())
    }

    #[inline]
    fn pending_request(&mut self) -> Wake {
        self.domain.listen();
        if self.control.is_asked(&self.domain.store) { self.answer() } else { Wake::Continue }
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
        self.program.print(self.domain.clock, line);
    }

    #[cfg(feature = "page")]
    fn milestone(&mut self, name: &'static str) {
        self.program.step(name, boot_time::at(self.domain.clock));
    }

    #[cfg(feature = "page")]
    #[inline]
    fn begin(&mut self, activity: Activity, now: Instant) {
        self.program.begin(activity, now);
    }

    #[cfg(feature = "page")]
    fn insight(&mut self) -> Result<Option<&'static dyn Insight>, Error> {
        self.program.insight("guest of Xen", self.domain.clock)
    }

    fn memory(&self) -> &'static Region<'static> {
        self.program.memory()
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.domain.pool
    }
}

/// Makes a runtime error for an operation that Xen refused.
fn cannot(what: &'static str) -> impl FnOnce(Errno) -> RuntimeError {
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
