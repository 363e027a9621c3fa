//! What several cores do together: they end together, and the first one reports for all.

use core::time::Duration;

use cores::{Core, Cores};
use layer::{Instant, Layer};

use crate::{Error, Runtime, Wake, runtime::printer};

/// What a core can be asked for, as bits of [`Core::take_requests`].
mod request {
    pub(super) const STOP: u64 = 1;
    pub(super) const REPORT: u64 = 2;
}

/// How long the first core waits for the others, which may be computing, before it reports without them.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(2);

/// What the core does next: what it was asked for itself, or by another core. What the first core was asked for, it asks of
/// the others.
#[inline]
pub(crate) fn asked(runtime: &mut impl Runtime, wake: Wake) -> Wake {
    let core = runtime.core();
    let wake = match core.take_requests() {
        0 => wake,
        bits if bits & request::STOP != 0 => Wake::Stop,
        _ if wake == Wake::Continue => Wake::Report,
        _ => wake,
    };
    if wake == Wake::Stop {
        core.request_others(request::STOP);
    }
    wake
}

/// Asks a core to end.
#[doc(hidden)]
pub fn stop(cores: &Cores, core: usize) {
    cores.request(core, request::STOP);
}

/// The loop of this core has ended, because it was asked to, or because it failed: no other core goes on.
pub(crate) fn end<R: Runtime, L: Layer<Event = R::Event>>(runtime: &mut R, tower: &L) {
    let core = runtime.core();
    core.request_others(request::STOP);
    publish(core, tower, runtime.now());
    core.finish();
    if let Some(cores) = core.shared().filter(|_| core.is_first()) {
        wait(runtime, tower, |other| cores.has_finished(other));
    }
}

/// Shows the numbers of a core to the others. The first core waits for theirs, and prints the sums, its own memory, and its
/// connections; the others print theirs.
pub(crate) fn report<R: Runtime, L: Layer<Event = R::Event>>(runtime: &mut R, tower: &L) {
    let core = runtime.core();
    publish(core, tower, runtime.now());
    if let Some(cores) = core.shared().filter(|_| core.is_first()) {
        let before: [u64; cores::MAX_CORES] = core::array::from_fn(|core| match core {
            core if core < cores.count() => cores.edition(core),
            _ => 0,
        });
        core.request_others(request::REPORT);
        let is_new = |core: usize| cores.has_finished(core) || cores.edition(core) > before[core];
        wait(runtime, tower, is_new);
        // So that it knows what time it is.
        publish(core, tower, runtime.now());
        let pool = runtime.pool();
        return layer::report(tower, pool, false, &mut printer(runtime));
    }
    let pool = runtime.pool();
    let mut line = printer(runtime);
    tower.list(&mut line);
    pool.report(&mut line);
}

/// Begins a turn of the loop at `now`: tells who waits for messages of other cores, and publishes the numbers of this one now and then.
#[inline]
pub(crate) fn begin<R: Runtime, L: Layer<Event = R::Event>>(runtime: &R, tower: &L, now: Instant) {
    let core = runtime.core();
    core.deliver();
    if core.must_publish(now) {
        publish(core, tower, now);
    }
}

/// Publishes the counters of the tower.
#[cold]
fn publish<L: Layer>(core: Core, tower: &L, now: Instant) {
    let mut numbers = core.publish(now);
    tower.counters(&mut |counter| numbers.put(counter.value));
}

/// Sleeps as [`Runtime::wait`] does, and counts that as idle time.
pub(crate) fn sleep<R: Runtime>(
    runtime: &mut R,
    event: &R::Event,
    deadline: Option<Instant>,
) -> Result<Wake, Error> {
    let core = runtime.core();
    if core.is_alone() {
        return runtime.wait(event, deadline);
    }
    let before = runtime.now();
    let deadline = Instant::earliest(deadline, core.publish_by());
    let wake = runtime.wait(event, deadline)?;
    core.slept(before, runtime.now());
    Ok(wake)
}

/// Waits until all other cores are `done`, but not for long.
fn wait<R: Runtime, L: Layer<Event = R::Event>>(
    runtime: &mut R,
    tower: &L,
    done: impl Fn(usize) -> bool,
) {
    let until = runtime.now() + PATIENCE;
    while !runtime.core().others().all(&done) {
        let now = runtime.now();
        if now >= until || runtime.wait(&tower.event(), Some(now + INTERVAL)).is_err() {
            break;
        }
    }
}
