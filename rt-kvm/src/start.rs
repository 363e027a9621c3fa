//! The start of a service in its runtime, from the bare machine.

use rt_pvh::finish;

use crate::{Error, Machine, Rt};

/// Starts the runtime of `machine`, runs `service` in it, and ends the guest as [`finish`](crate::finish) does.
///
/// With the feature `cores` and `--cores`, each core runs the service on a processor of its own, with a runtime, a pool and a
/// tower of its own.
pub fn start(
    name: &'static str,
    machine: Machine,
    service: impl Fn(&mut Rt) -> Result<(), Error> + Copy + Send + Sync + 'static,
) -> ! {
    #[cfg(feature = "cores")]
    if machine.processors > 1 {
        let host = machine.host;
        rt_pvh::team::run_on_others(name, machine.memory, move |other| {
            runtime_of_other(host, other).and_then(|mut rt| service(&mut rt))
        });
    }
    finish(name, runtime(machine).and_then(|mut rt| service(&mut rt)))
}

/// Starts the runtime of `machine`.
#[doc(hidden)]
#[inline]
pub fn runtime(machine: Machine) -> Result<Rt, Error> {
    Rt::new(machine)
}

/// Starts the runtime of another core than the first, on `host`.
#[cfg(feature = "cores")]
#[doc(hidden)]
pub fn runtime_of_other(host: crate::Host, other: &rt_pvh::Other) -> Result<Rt, Error> {
    Rt::other(host, other)
}
