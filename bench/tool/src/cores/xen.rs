//! Guests of a real Xen with one processor and with two, in a QEMU with two.

use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use lab::xen::{Ask, Domain, Machine, Settings, Vif, plain};

use super::{CLIENTS, MEMORY, PATIENCE};

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
    let rate = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| ask(machine, port, request, time))).collect();
        let mut sum = 0.0;
        for client in clients {
            let (rate, said) = client.join().map_err(|_| anyhow!("a client has panicked"))??;
            let known = reply.get_or_insert_with(|| said.clone());
            ensure!(*known == said, "{request}: another reply on {cores} cores");
            sum += rate;
        }
        Ok(sum)
    });
    domain.shutdown()?;
    rate
}

/// Asks again and again for this time, each time from a port of its own. Returns how many replies came a second, and the reply.
fn ask(machine: &Machine, port: u16, request: &str, time: Duration) -> Result<(f64, Vec<u8>)> {
    let ask = Ask {
        to: (GUEST, port).into(),
        times: 1,
        window: 1,
        limit: PATIENCE,
        expected: false,
        length: 0,
        is_numbered: false,
    };
    let (start, mut last, mut count, mut known) = (Instant::now(), Duration::ZERO, 0, None);
    while last < time {
        let (asked, reply) = machine.ask(&ask, request.as_bytes(), None)?;
        ensure!(asked.lost == 0, "no reply to {request}");
        (last, count) = (start.elapsed(), count + 1);
        let before = known.get_or_insert_with(|| reply.clone());
        ensure!(*before == reply, "{request}: different replies");
    }
    Ok((f64::from(count) / last.as_secs_f64(), known.unwrap_or_default()))
}
