//! The virtual processors of the guest: how many there are, how they start, and how they wake one another.

use core::sync::atomic::{AtomicU32, Ordering};

use cores::{Doorbell, MAX_CORES};
use rt::Error;
use rt_pvh::{
    Plan,
    arguments::{self, Refusal},
    landing_of, refused,
};

use crate::{
    Port,
    operations::{EventCalls as _, Xen},
    runtime::{RuntimeError, cannot},
};

/// Notes in the `plan` how many processors the command line asks for. If the domain has not so many, the guest ends, and says so.
pub(crate) fn count(xen: Xen, plan: &mut Plan<'_>) {
    let there = || (1..MAX_CORES).find(|vcpu| !xen.has_vcpu(*vcpu)).unwrap_or(MAX_CORES);
    *plan.processors = match arguments::processors(plan.command_line, || Some(there())) {
        Ok(count) => count,
        Err(Refusal::TooMany { count, there }) => refused(format_args!(
            "--cores={count}: the domain has {there} (vcpus= of its configuration)"
        )),
        Err(refusal) => refused(format_args!("{refusal}")),
    };
}

/// The event channels by which cores wake one another, each bound to the processor of its core; 0 is none.
static PORTS: [AtomicU32; MAX_CORES] = [const { AtomicU32::new(0) }; MAX_CORES];

/// The channel that wakes this core. The first core has opened it before it starts the others.
pub(crate) fn bell(core: usize) -> Port {
    Port(PORTS.get(core).map_or(0, |port| port.load(Ordering::Relaxed)))
}

/// Rings the bells of cores.
#[derive(Debug)]
pub(crate) struct Bells(Xen);

impl Bells {
    /// Opens those of `count` cores.
    ///
    /// # Errors
    /// Xen refuses a channel (status 1).
    pub(crate) fn open(xen: Xen, count: usize) -> Result<Self, Error> {
        for (vcpu, port) in PORTS.iter().enumerate().take(count) {
            let new = xen.bind_ipi(vcpu as u32).map_err(cannot("open the bell of a core"))?;
            port.store(new.0, Ordering::Relaxed);
        }
        Ok(Self(xen))
    }
}

impl Doorbell for Bells {
    fn ring(&self, core: usize) {
        // It is never closed, so Xen does not refuse.
        let _ = self.0.send(bell(core));
    }

    /// Virtual processors may have to share a real one.
    fn pause(&self) {
        self.0.yield_processor();
    }
}

/// Starts the processors of so many other cores.
///
/// # Errors
/// Xen refuses (status 1).
pub(crate) fn start(xen: Xen, others: usize) -> Result<(), Error> {
    for vcpu in 1..=others {
        let landing = landing_of(vcpu).ok_or(RuntimeError::Missing("no room for a processor"))?;
        // SAFETY: the state is that of `rt-pvh`, whose processor has memory of its own.
        let started = unsafe { xen.start_vcpu(vcpu, landing) };
        started.map_err(cannot("start a processor"))?;
    }
    Ok(())
}
