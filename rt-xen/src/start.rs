//! From the bare machine to a service in its runtime.

use rt::Runtime as _;

use crate::{Error, Machine, Rt, early, end, handover::Boot, memory};

/// Starts the runtime of `machine` and runs `service` in it, then ends the guest, as [`finish`](crate::finish)
/// does; where the operator has asked for the end, as the operator has asked.
pub fn start(
    name: &str,
    machine: Machine,
    service: impl FnOnce(&mut Rt) -> Result<(), Error>,
) -> ! {
    let boot = Boot {
        command_line: machine.command_line,
        pool: machine.pool,
        memory: machine.memory,
        free_frames: memory::hole_frames(),
        shared_page: memory::shared_page,
        print: early::print,
    };
    // SAFETY: there is one machine, so this is the only call. The way to the machine has set up the hypercall
    // page and mapped what it uses of the memory, which is below 16 TiB, and the pages that Xen shares, at
    // their physical addresses. Nothing is in the hole.
    match unsafe { Rt::new(boot) } {
        Ok(mut rt) => {
            rt.print(format_args!("{}", machine.use_of_memory));
            let result = service(&mut rt);
            end::finish_as(name, result, rt.shutdown())
        }
        Err(error) => end::finish(name, Err(error)),
    }
}
