//! The start of a service in its runtime, from the bare machine.

use rt_pvh::{finish, finish_as};

use crate::{Error, Machine, Rt};

/// Starts the runtime of `machine`, runs `service` in it, and ends the guest as [`finish`](crate::finish) does. If the
/// operator of Xen has asked for the end, the guest ends as the operator has asked.
///
/// With the feature `cores` and `--cores`, each core runs the service on a processor of its own, with a runtime, a pool and a
/// tower of its own.
pub fn start(
    name: &'static str,
    machine: Machine,
    service: impl Fn(&mut Rt) -> Result<(), Error> + Copy + Send + Sync + 'static,
) -> ! {
    #[cfg(feature = "cores")]
    {
        let (host, memory) = match &machine {
            Machine::Xen(machine) => (None, machine.memory),
            Machine::Kvm(machine) => (Some(machine.host), machine.memory),
        };
        rt_pvh::team::run_on_others(name, memory, move |other| {
            Rt::other(host, other).and_then(|mut rt| service(&mut rt))
        });
    }
    match Rt::new(machine) {
        Ok(mut rt) => {
            let result = service(&mut rt);
            finish_as(name, result, rt.shutdown())
        }
        Err(error) => finish(name, Err(error)),
    }
}
