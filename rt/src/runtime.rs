//! What a platform gives, and the loop that every service runs in.

use core::fmt;

use layer::{Instant, Layer, Rx};
use netif::Recorder;
use rt_regions::{Pool, Region};

use crate::{Error, Settings};

/// Why a runtime stopped waiting, or what it was asked in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The event happened, the deadline has come, or neither: go on.
    Continue,
    /// Somebody wants the statistics.
    Report,
    /// The program is to end.
    Stop,
}

/// A platform: clock, waiting, entropy, arguments, console, memory.
pub trait Runtime {
    /// What this platform can wait on; a network interface of another platform has another type, so
    /// it does not compile here.
    type Event;

    /// Who can be shown the frames of an interface; [`Infallible`](core::convert::Infallible) where
    /// nobody can.
    type Recorder: Recorder;

    /// The time now.
    fn now(&self) -> Instant;

    /// Sleeps until `event` happens, `deadline` has come, or the program is asked for something.
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

    /// The region that lives as long as the program: for tables, and for what a service keeps.
    fn memory(&self) -> &'static Region<'static>;

    /// The pool that all regions come from.
    fn pool(&self) -> &'static Pool<'static>;

    /// Whom the frames of an interface are to be shown to: the file that the program was asked to write them to; none if
    /// it was not. The interface takes it when it is opened, into a [`netif::Capture`].
    ///
    /// # Errors
    /// It cannot be written.
    fn recorder(&mut self) -> Result<Option<Self::Recorder>, Error> {
        Ok(None)
    }

    /// Called when all that the program needs is open, before its first packet: gives up the rights to more.
    /// [`run`](Self::run) does so; a program with a loop of its own does it before the loop. A platform on
    /// which there is nothing to give up does nothing.
    ///
    /// # Errors
    /// The system does not let go of a right.
    #[inline]
    fn confine(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Called when a packet has gone through the tower that came at `now`; its region still holds
    /// what it took. This is when a profiler looks; a platform without one does nothing.
    #[inline]
    fn packet_served(&mut self, now: Instant) {
        let _ = now;
    }

    /// Called when the statistics are wanted and when the program ends: writes down what the profiler
    /// has seen. A platform without one does nothing.
    ///
    /// # Errors
    /// It cannot be written.
    fn write_profile(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Sixteen bytes that nobody can predict, as a number: one seed for all layers of a tower, each of which makes a secret
    /// of its own of it (see [`layer::seed_for`]).
    ///
    /// # Errors
    /// The platform has no entropy.
    fn seed(&mut self) -> Result<u128, Error> {
        let mut bytes = [0; 16];
        self.entropy(&mut bytes)?;
        Ok(u128::from_ne_bytes(bytes))
    }

    /// Gives the tower what the arguments ask of its layers, and [runs](Self::run) it.
    ///
    /// # Errors
    /// An argument asks for what no layer of the tower does, or what its layer cannot do (status 2); and those of
    /// [`run`](Self::run).
    fn serve<L>(&mut self, mut tower: L, config: &Settings<'_>) -> Result<(), Error>
    where
        L: Layer<Event = Self::Event>,
        Self: Sized,
    {
        config.configure(self, &mut tower)?;
        run(self, &mut tower)
    }

    /// Runs the tower, of a program that has no [`Config`](crate::Config), until the program is asked to end; then prints
    /// its counters. Says in a line that it serves, and where, when the tower is [`ready`](Layer::ready): when it has an
    /// address that is its own, say.
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
    /// [`confine`](Self::confine)): takes one packet
    /// through the tower, or sleeps if there is none. Empties `packet` first.
    ///
    /// # Errors
    /// The device is broken, or the platform.
    // On its own, or what is below it is built into the loop more than once.
    #[inline(never)]
    fn turn<L>(&mut self, tower: &mut L, packet: &mut Region<'_>) -> Result<Wake, Error>
    where
        L: Layer<Event = Self::Event>,
        Self: Sized,
    {
        packet.reset();
        let now = self.now();
        match tower.receive(now, packet)? {
            Rx::Item(item) => tower.unclaimed(now, item)?,
            Rx::Handled => {}
            // Asked for each time: an interface that comes back may have another.
            Rx::Idle => return self.wait(&tower.event(), tower.next_deadline()),
        }
        self.packet_served(now);
        Ok(self.pending_request())
    }
}

/// The region of the packet that is being served: three quarters of the pool at most, so that what
/// waits (fragments, packets for a neighbour) still has room while a service takes all it can get.
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
    let mut packet = packet_region(runtime.pool());
    let mut serving = false;
    let result = loop {
        if !serving {
            match tower.ready() {
                Ok(false) => {}
                Ok(true) => {
                    let place = fmt::from_fn(|f| tower.describe(f));
                    runtime.print(format_args!("serving{place}"));
                    serving = true;
                }
                Err(reason) => break Err(Error::new(1, format_args!("{reason}"))),
            }
        }
        match runtime.turn(tower, &mut packet) {
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
    report(runtime, tower);
    result.and(runtime.write_profile())
}

/// Prints the counters of every layer and the regions.
fn report<L: Layer>(runtime: &mut impl Runtime, tower: &L) {
    let pool = runtime.pool();
    layer::report(tower, pool, false, &mut |line| runtime.print(line));
}
