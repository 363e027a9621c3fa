//! The trait of a platform, and the loop that every service runs in.

use core::{fmt, time::Duration};

use layer::{Instant, KeptAddress, Layer, Rx};
use netif::Recorder;
use rt_regions::{Exhausted, Pool, Region};
use tasks::{SpawnError, TaskError, TaskRef, Tasks};

#[cfg(feature = "cores")]
use crate::crew;
#[cfg(feature = "page")]
use crate::insight::{Activity, Insight};
use crate::{Error, Settings, TaskStore};

/// Why a runtime stopped waiting, or what it was asked for meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The event happened, or the deadline has come, or nothing was asked for: go on.
    Continue,
    /// Somebody wants the statistics.
    Report,
    /// The program is to end.
    Stop,
}

/// A platform: clock, waiting, entropy, arguments, console, memory.
pub trait Runtime {
    /// The event that this platform can wait on. A network interface of another platform has another type of
    /// event, so it does not compile here.
    type Event;

    /// The recorder of the frames of an interface; [`Infallible`](core::convert::Infallible) if the platform
    /// has none.
    type Recorder: Recorder;

    /// The core that this program runs on, one of several. A platform with one core leaves this out.
    #[cfg(feature = "cores")]
    fn core(&self) -> cores::Core {
        cores::Core::ALONE
    }

    /// The time now.
    fn now(&self) -> Instant;

    /// The time since the beginning of 1970 (UTC), or `None` if the platform does not know it. Unlike [`now`](Self::now), it
    /// jumps when the system's clock is set.
    fn wall_time(&self) -> Option<Duration>;

    /// Where the tasks of the program are kept.
    fn task_store(&self) -> &TaskStore;

    /// The tasks of the program, which [`run`](Self::run) polls. The first call makes them.
    ///
    /// # Errors
    /// [`Exhausted`].
    fn tasks(&self) -> Result<&'static Tasks, Exhausted> {
        self.task_store().get_or_make(self.memory())
    }

    /// Starts a task that has no port; see [`Tasks::spawn`]. `name` is what its region is called, and begins the line that
    /// is printed if it ends with an error.
    ///
    /// # Errors
    /// There is no memory for it.
    #[track_caller]
    fn spawn<S>(&self, name: &'static str, service: S) -> Result<TaskRef, SpawnError>
    where
        S: AsyncFnOnce(&Region<'static>) -> Result<(), TaskError> + 'static,
    {
        self.tasks()?.spawn(name, service)
    }

    /// Sleeps until `event` happens, `deadline` comes, or the program is asked for something. It may return earlier: soon
    /// after a packet, a platform may have the device asked again before it sleeps.
    ///
    /// # Errors
    /// The platform cannot wait on the event: it is broken.
    fn wait(&mut self, event: &Self::Event, deadline: Option<Instant>) -> Result<Wake, Error>;

    /// What the program was asked for since the last call, without waiting. Cheap: called for every
    /// packet.
    fn pending_request(&mut self) -> Wake;

    /// Fills `out` with bytes that nobody can predict.
    ///
    /// # Errors
    /// The platform has no entropy.
    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error>;

    /// The arguments, program name left out.
    fn args(&self) -> impl Iterator<Item = &'static str>;

    /// Whether the program was built with the log of its layers.
    fn has_log(&self) -> bool;

    /// Writes one line for people: to standard error, to the console.
    fn print(&mut self, line: fmt::Arguments<'_>);

    /// Called when the tower is ready, with the line that says where it serves. [`run`](Self::run) does so; a program
    /// with a loop of its own calls it after [`confine`](Self::confine). Prints the line; a platform with a service
    /// manager tells that as well.
    #[inline]
    fn serving(&mut self, line: fmt::Arguments<'_>) {
        self.print(line);
    }

    /// Called when the start of the program has come as far as `name` says, in one word, for a platform that measures it.
    /// The others do nothing.
    #[inline]
    fn milestone(&mut self, name: &'static str) {
        let _ = name;
    }

    /// Called when an activity begins at `now`, and the one before ends, for a platform that measures how long each
    /// takes. The others do nothing.
    #[cfg(feature = "page")]
    #[inline]
    fn begin(&mut self, activity: Activity, now: Instant) {
        let _ = (activity, now);
    }

    /// What the platform knows of the program, for a page that shows the program from inside. From the first call on, it
    /// measures: the program calls this only if there is a page. `None` if the platform was built without that.
    ///
    /// # Errors
    /// There is no memory for it, or the system refuses a timer.
    #[cfg(feature = "page")]
    fn insight(&mut self) -> Result<Option<&'static dyn Insight>, Error> {
        Ok(None)
    }

    /// The region that lives as long as the program: for tables, and for what a service keeps.
    fn memory(&self) -> &'static Region<'static>;

    /// The pool that all regions come from.
    fn pool(&self) -> &'static Pool<'static>;

    /// The recorder for the frames of an interface: the file that `--pcap` names, or none without that
    /// argument. An interface takes the recorder when it is opened, into a [`netif::Capture`].
    ///
    /// # Errors
    /// It cannot be written.
    fn recorder(&mut self) -> Result<Option<Self::Recorder>, Error> {
        Ok(None)
    }

    /// The file `path` as a place for our address: it is made if it is not there. A platform without files refuses it.
    ///
    /// # Errors
    /// It cannot be opened, or another program has it.
    fn kept_address(&self, path: &str) -> Result<&'static dyn KeptAddress, Error> {
        Err(Error::new(2, format_args!("--dhcp-lease={path}: this platform has no files")))
    }

    /// Gives up the privileges that serving does not need. Called before the first packet, when all that the
    /// program needs is open. [`run`](Self::run) does so; a program with a loop of its own calls it before
    /// the loop. A platform without privileges does nothing.
    ///
    /// # Errors
    /// The system refuses to drop a privilege.
    #[inline]
    fn confine(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Called when a packet that came at `now` has gone through the tower. Its region still holds the memory
    /// that it took, so a profiler takes its sample now. A platform without a profiler does nothing.
    #[inline]
    fn packet_served(&mut self, now: Instant) {
        let _ = now;
    }

    /// Writes the samples of the profiler. Called when the statistics are wanted and when the program ends. A
    /// platform without a profiler does nothing.
    ///
    /// # Errors
    /// It cannot be written.
    fn write_profile(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Sixteen unpredictable bytes as a number: one seed for all layers of a tower, from which each layer
    /// derives a secret of its own (see [`layer::seed_for`]).
    ///
    /// # Errors
    /// The platform has no entropy.
    fn seed(&mut self) -> Result<u128, Error> {
        let mut bytes = [0; 16];
        self.entropy(&mut bytes)?;
        Ok(u128::from_ne_bytes(bytes))
    }

    /// Configures the layers of the tower as the arguments ask, and [runs](Self::run) it.
    ///
    /// # Errors
    /// No layer of the tower supports an argument, or its layer cannot do it (status 2); and those of
    /// [`run`](Self::run).
    fn serve<L>(&mut self, mut tower: L, config: &Settings<'_>) -> Result<(), Error>
    where
        L: Layer<Event = Self::Event>,
        Self: Sized,
    {
        config.configure(self, &mut tower)?;
        run(self, &mut tower)
    }

    /// Runs the tower until the program is asked to end, then prints its counters: for a program without a
    /// [`Config`](crate::Config). When the tower is [`ready`](Layer::ready), for example when it has an
    /// address of its own, prints a line that says where it serves.
    ///
    /// # Errors
    /// The tower will never be ready; the device is broken, or the platform.
    fn run<L>(&mut self, mut tower: L) -> Result<(), Error>
    where
        L: Layer<Event = Self::Event>,
        Self: Sized,
    {
        run(self, &mut tower)
    }

    /// One turn of [`run`](Self::run), for programs with a loop of their own (see
    /// [`confine`](Self::confine)): empties `packet`, takes one packet through the tower, and polls the tasks that
    /// are due. Sleeps if there is no packet and no task is due.
    ///
    /// # Errors
    /// The device is broken, or the platform.
    // Not inlined, because the layers below would be inlined into the loop more than once.
    #[inline(never)]
    fn turn<L>(&mut self, tower: &mut L, packet: &mut Region<'_>) -> Result<Wake, Error>
    where
        L: Layer<Event = Self::Event>,
        Self: Sized,
    {
        packet.reset();
        let now = self.now();
        #[cfg(feature = "cores")]
        crew::begin(self, tower, now);
        #[cfg(feature = "page")]
        self.begin(Activity::Tower, now);
        let tasks = self.task_store().poller();
        match tower.receive(now, packet)? {
            Rx::Item(item) => tower.unclaimed(now, item)?,
            Rx::Handled => {}
            Rx::Idle => {
                let deadline = tower.next_deadline();
                let deadline = tasks.map_or(deadline, |tasks| tasks.deadline(now, deadline));
                if deadline != Some(Instant::ZERO) {
                    // Asked for each time: an interface that comes back may have another event.
                    #[cfg(feature = "cores")]
                    return crew::sleep(self, &tower.event(), deadline);
                    #[cfg(not(feature = "cores"))]
                    return self.wait(&tower.event(), deadline);
                }
            }
        }
        #[cfg(feature = "cores")]
        self.core().worked();
        if let Some(tasks) = tasks {
            // Read again: what was due may have taken long.
            let now = self.now();
            #[cfg(feature = "page")]
            self.begin(Activity::Tasks, now);
            tasks.run(now, &mut printer(self));
        }
        self.packet_served(now);
        Ok(self.pending_request())
    }
}

/// How long the layers may take for their goodbye. It is a little more than the time that a layer may wait for an answer of its
/// next hop.
const GOODBYE: Duration = Duration::from_millis(1100);

/// The region of the packet that is being served. It has three quarters of the pool at most, so that waiting
/// data (fragments, packets for a neighbour) still has room while a service takes all that it can get.
pub fn packet_region<'p>(pool: &'p Pool<'p>) -> Region<'p> {
    Region::new(pool, "packet").with_cap(pool.pages() / 4 * 3 * rt_regions::PAGE_SIZE)
}

/// The loop: one turn after the other until the program is asked to end.
#[inline]
fn run<R, L>(runtime: &mut R, tower: &mut L) -> Result<(), Error>
where
    R: Runtime,
    L: Layer<Event = R::Event>,
{
    runtime.confine()?;
    runtime.milestone("confined");
    let mut packet = packet_region(runtime.pool());
    let mut serving = false;
    let result = loop {
        if !serving {
            match tower.ready() {
                Ok(false) => {}
                Ok(true) => {
                    runtime.milestone("serving");
                    let place = fmt::from_fn(|f| tower.describe(f));
                    runtime.serving(format_args!("serving{place}"));
                    serving = true;
                }
                Err(reason) => break Err(Error::new(1, format_args!("{reason}"))),
            }
        }
        let wake = runtime.turn(tower, &mut packet);
        #[cfg(feature = "cores")]
        let wake = wake.map(|wake| crew::asked(runtime, wake));
        match wake {
            Ok(Wake::Continue) => {}
            Ok(Wake::Report) => {
                report(runtime, tower);
                if let Err(error) = runtime.write_profile() {
                    runtime.print(format_args!("{error}"));
                }
            }
            Ok(Wake::Stop) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let result = match result {
        Ok(()) if L::SAYS_GOODBYE => end(runtime, tower, &mut packet),
        result => result,
    };
    if let Some(tasks) = runtime.task_store().poller() {
        tasks.close();
    }
    #[cfg(feature = "cores")]
    crew::end(runtime, tower);
    report(runtime, tower);
    result.and(runtime.write_profile())
}

/// Lets the layers say goodbye. Meanwhile the tower serves.
#[inline]
fn end<R, L>(runtime: &mut R, tower: &mut L, packet: &mut Region<'_>) -> Result<(), Error>
where
    R: Runtime,
    L: Layer<Event = R::Event>,
{
    let until = runtime.now() + GOODBYE;
    while !tower.end(runtime.now())? && runtime.now() < until {
        runtime.turn(tower, packet)?;
    }
    Ok(())
}

/// Prints the counters of every layer and the regions.
fn report<R: Runtime, L: Layer<Event = R::Event>>(runtime: &mut R, tower: &L) {
    #[cfg(feature = "cores")]
    if !runtime.core().is_alone() {
        return crew::report(runtime, tower);
    }
    let pool = runtime.pool();
    layer::report(tower, pool, false, &mut printer(runtime));
}

/// Prints lines. One closure for all, of which there is one copy.
pub(crate) fn printer(runtime: &mut impl Runtime) -> impl FnMut(fmt::Arguments<'_>) {
    |line| runtime.print(line)
}
