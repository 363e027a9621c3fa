//! From the bare machine to a service in its runtime.

use rt::Runtime as _;

use crate::{Error, Machine, Rt, end};

/// Starts the runtime of `machine` and runs `service` in it, then ends the guest, as [`finish`](crate::finish)
/// does; where the operator has asked for the end, as the operator has asked.
pub fn start(
    name: &str,
    machine: Machine,
    service: impl FnOnce(&mut Rt) -> Result<(), Error>,
) -> ! {
    let use_of_memory = machine.use_of_memory;
    match Rt::new(machine) {
        Ok(mut rt) => {
            rt.print(format_args!("{use_of_memory}"));
            let result = service(&mut rt);
            end::finish_as(name, result, rt.shutdown())
        }
        Err(error) => end::finish(name, Err(error)),
    }
}
