//! The start of a service in its runtime, from the bare machine.

use rt_pvh::finish;

use crate::{Error, Machine, Rt};

/// Starts the runtime of `machine`, runs `service` in it, and ends the guest as [`finish`](crate::finish) does.
pub fn start(
    name: &str,
    machine: Machine,
    service: impl FnOnce(&mut Rt) -> Result<(), Error>,
) -> ! {
    let result = Rt::new(machine).and_then(|mut rt| service(&mut rt));
    finish(name, result)
}
