//! The start of a service in its runtime, from the bare machine.

use rt::Runtime as _;
use rt_pvh::{Shutdown, finish, finish_as};

use crate::{Error, Machine, Rt};

/// Starts the runtime of `machine`, runs `service` in it, and ends the guest as [`finish`](crate::finish) does. If the
/// operator has asked for the end, the guest ends as the operator has asked.
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
        rt_pvh::team::run_on_others(name, machine.memory, move |other| {
            runtime_of_other(other).and_then(|mut rt| service(&mut rt))
        });
    }
    // This is not `runtime` below: a call of that makes the image of echo 112 bytes larger, which has a size to keep.
    let use_of_memory = machine.use_of_memory;
    match Rt::new(machine) {
        Ok(mut rt) => {
            rt.print(format_args!("{use_of_memory}"));
            let result = service(&mut rt);
            finish_as(name, result, rt.shutdown())
        }
        Err(error) => finish(name, Err(error)),
    }
}

/// Starts the runtime of `machine`, and says how the memory is used: before, there was no console.
#[doc(hidden)]
#[inline]
pub fn runtime(machine: Machine) -> Result<Rt, Error> {
    let use_of_memory = machine.use_of_memory;
    let mut rt = Rt::new(machine)?;
    rt.print(format_args!("{use_of_memory}"));
    Ok(rt)
}

/// How the operator has asked the guest to end.
#[doc(hidden)]
pub fn shutdown(rt: &Rt) -> Shutdown {
    rt.shutdown()
}

/// Starts the runtime of another core than the first.
#[cfg(feature = "cores")]
#[doc(hidden)]
pub fn runtime_of_other(other: &rt_pvh::Other) -> Result<Rt, Error> {
    Rt::other(other)
}
