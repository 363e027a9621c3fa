//! The start of a service in its runtime, from the bare machine.

use rt::Runtime as _;
use rt_pvh::{finish, finish_as};

use crate::{Error, Machine, Rt};

/// Starts the runtime of `machine`, runs `service` in it, and ends the guest as [`finish`](crate::finish) does. If the
/// operator has asked for the end, the guest ends as the operator has asked.
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
            finish_as(name, result, rt.shutdown())
        }
        Err(error) => finish(name, Err(error)),
    }
}
