//! Guests of a real Xen with one processor and with two, in a QEMU with two.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Result, ensure};
use lab::xen::{Ask, Domain, Machine, Settings, Vif, plain};

use super::{MEMORY, PATIENCE, of_clients};

/// Where the guest is.
const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// How many processors the machine has. dom0, which carries the frames, has one of them when there is something to carry.
const PROCESSORS: usize = 2;
/// How long a guest may take until it serves.
const SERVING_WITHIN: Duration = Duration::from_mins(1);

/// The machine that the guests run on.
///
/// # Errors
/// What it takes cannot be had, or its dom0 is not ready in time.
pub(super) fn boot() -> Result<Machine> {
    Machine::boot_with(&[], PROCESSORS, |progress| eprintln!("{progress}"))
}

/// How many replies there are a second at `port` of a guest with so many cores. All have to be the same, `reply` if that is known.
pub(super) fn sample(
    machine: &Machine,
    (app, kernel, port): (&str, &[u8], u16),
    cores: usize,
    request: &str,
    time: Duration,
    reply: &mut Option<Vec<u8>>,
) -> Result<f64> {
    let several = if cores > 1 { format!(" --cores={cores}") } else { String::new() };
    let command_line = format!("--ipv4={GUEST}/24{several}");
    let settings = Settings {
        name: app,
        kernel,
        ramdisk: None,
        command_line: &command_line,
        memory: MEMORY,
        vif: Some(Vif::default()),
        restart: false,
        more: "",
    };
    let domain = Domain::create(machine, &settings, plain(), |_| ())?;
    domain.wait_for_line(0, SERVING_WITHIN, lab::is_serving)?;
    let rate = of_clients(time, (request, cores), reply, || Ok(|| ask(machine, port, request)))?;
    domain.shutdown()?;
    Ok(rate)
}

/// Asks once, from a port of its own.
fn ask(machine: &Machine, port: u16, request: &str) -> Result<Vec<u8>> {
    let ask = Ask {
        to: (GUEST, port).into(),
        times: 1,
        window: 1,
        limit: PATIENCE,
        expected: false,
        length: 0,
        is_numbered: false,
    };
    let (asked, reply) = machine.ask(&ask, request.as_bytes(), None)?;
    ensure!(asked.lost == 0, "no reply to {request}");
    Ok(reply)
}
