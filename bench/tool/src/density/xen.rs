//! `cargo xtask bench --density --on xen`: so many guests of echo on one Xen, and Linux guests beside them as far as they fit.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use lab::{
    image, interrupt,
    xen::{Ask, Crowd, Domain, Linux, Machine, Manner, Pools, Settings, Vif, plain},
};

use super::{
    DensityPlan, IDLE, PORT,
    figures::Times,
    guests::{Group, Left, text},
    table::Answers,
};
use crate::bench::{publish, xen};

/// How many guests there are of those that are started as `cargo letregion run` starts one.
const WATCHED: usize = 10;
/// How many Linux guests are tried, and their memory in MiB.
const LINUX: usize = 10;
const LINUX_MEMORY: u32 = 128;
/// How many guests are made before they are to run.
const PREPARED: usize = 10;
/// What Xen has left when it is tried what it does when that runs out, in KiB, and how many guests are tried then.
const NEARLY_FULL: u64 = 16 << 10;
const TRIED: usize = 40;
/// How long the reply to one request may take.
const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// The arguments of echo.
const LINE: &str = "--ipv4={address}/16 --ipv4-gateway=10.0.0.1";

/// Boots a Xen and measures there; prints the table, and writes it to `target/bench/density-xen.md`.
///
/// # Errors
/// What Xen takes cannot be had; a guest gives no reply, or a wrong one. What was measured until then is printed and written all
/// the same.
pub fn on_xen(plan: &DensityPlan) -> Result<()> {
    let program = xen::guests::image()?;
    let echo = image::stripped(&program)?;
    let machine = Machine::boot(|progress| eprintln!("{progress}"))?;
    let mut groups = Vec::new();
    let measured = measure(&machine, &echo, plan, &mut groups);
    publish("density-xen.md", &text(&describe(&machine)?, &groups)).and(measured)
}

/// Measures on a machine that has no other guests, and returns the table.
///
/// # Errors
/// Those of [`on_xen`].
pub fn on_machine(machine: &Machine, echo: &[u8], plan: &DensityPlan) -> Result<String> {
    let mut groups = Vec::new();
    echoes(machine, echo, plan, &mut groups)?;
    Ok(text(&describe(machine)?, &groups))
}

/// On what it is measured, and whether the times of dom0 are to be believed.
fn describe(machine: &Machine) -> Result<String> {
    Ok(format!(
        "{}. The times are dom0's: {:.2} s pass there in a second of this machine.",
        xen::describe(machine)?,
        machine.clock()?
    ))
}

fn measure(
    machine: &Machine,
    echo: &[u8],
    plan: &DensityPlan,
    groups: &mut Vec<Group>,
) -> Result<()> {
    echoes(machine, echo, plan, groups)?;
    let linux = Linux::new(machine, "--ipv4={address}/16 --interface-stays")?;
    let Settings { kernel, ramdisk, command_line, .. } = linux.settings("linux");
    let mut crowd = Crowd::new(machine, Manner::Lean, kernel, ramdisk, LINUX_MEMORY)?;
    let mut group = Group { name: format!("Linux, {LINUX_MEMORY} MiB"), ..Group::default() };
    let counts: Vec<_> = (1..=LINUX).collect();
    let grown = grow(machine, &mut crowd, command_line, &counts, None, &mut group);
    groups.push(group);
    grown
}

/// Guests of echo: as they are usually started, in the lean way, and prepared.
fn echoes(
    machine: &Machine,
    echo: &[u8],
    plan: &DensityPlan,
    groups: &mut Vec<Group>,
) -> Result<()> {
    let memory = plan.memory;
    let most = plan.counts.last().copied().unwrap_or_default();
    let mut usual = Group { name: format!("echo, {memory} MiB"), ..Group::default() };
    let mut crowd = Crowd::new(machine, Manner::Watched, echo, None, memory)?;
    let counts = [1, WATCHED.min(most)];
    let grown = grow(machine, &mut crowd, LINE, &counts, None, &mut usual);
    groups.push(usual);
    grown?;
    drop(crowd);

    let pools = Pools::new(machine, &mut |progress| eprintln!("{progress}"))?;
    let mut lean = Group { name: format!("echo, {memory} MiB, lean"), ..Group::default() };
    let mut crowd = Crowd::new(machine, Manner::Lean, echo, None, memory)?;
    let grown = grow(machine, &mut crowd, LINE, &plan.counts, Some(&pools), &mut lean)
        .and_then(|()| fill(machine, &mut crowd, echo, &mut lean));
    groups.push(lean);
    grown?;
    drop(crowd);

    let mut prepared = Group { name: format!("echo, {memory} MiB, prepared"), ..Group::default() };
    let mut crowd = Crowd::new(machine, Manner::Lean, echo, None, memory)?;
    let ran = run_prepared(machine, &mut crowd, PREPARED.min(most), &mut prepared);
    groups.push(prepared);
    ran
}

/// Starts guests until there are so many, and measures at each step. When one is refused, the group says so, and it is over.
fn grow(
    machine: &Machine,
    crowd: &mut Crowd<'_>,
    line: &str,
    counts: &[usize],
    pools: Option<&Pools<'_>>,
    group: &mut Group,
) -> Result<()> {
    let before = left(machine, 0)?;
    group.left.push(before);
    group.shrunk.extend(pools.map(|_| before));
    for &count in counts {
        eprintln!("{}: {count}", group.name);
        while crowd.len() < count {
            ensure!(!interrupt::pressed(), "interrupted");
            let number = crowd.len();
            match crowd.add(line, PORT) {
                Ok(started) => {
                    group.created.push(started.created);
                    group.replied.push(started.replied);
                }
                Err(error) if number > 0 => {
                    let answers = ask_all(machine, crowd, number)?;
                    group.notes.push(format!(
                        "the guest number {} is refused ({}); of the others answer: {}",
                        number + 1,
                        first_lines(&error),
                        answers.words()
                    ));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        step(machine, crowd, count, pools, group)?;
    }
    Ok(())
}

/// Asks all guests, and looks at what they take.
fn step(
    machine: &Machine,
    crowd: &Crowd<'_>,
    count: usize,
    pools: Option<&Pools<'_>>,
    group: &mut Group,
) -> Result<()> {
    group.left.push(left(machine, count)?);
    if let Some(pools) = pools {
        pools.shrink(&crowd.domains()?)?;
        group.shrunk.push(left(machine, count)?);
    }
    let answers = ask_all(machine, crowd, count)?;
    ensure!(answers.wrong == 0, "{}: {} replies were wrong", group.name, answers.wrong);
    group.answers.push(answers);
    let before = crowd.processor_time()?;
    thread::sleep(IDLE);
    group.idle.push(crowd.processor_time()?.saturating_sub(before));
    Ok(())
}

/// One request to each, of its own.
fn ask_all(machine: &Machine, crowd: &Crowd<'_>, count: usize) -> Result<Answers> {
    let mut answers = Answers { asked: count, ..Answers::default() };
    for number in 0..count {
        let ask = Ask {
            to: crowd.at(number, PORT).into(),
            times: 1,
            window: 1,
            limit: REPLY_WITHIN,
            expected: true,
            length: 0,
            is_numbered: false,
        };
        let request = format!("what the guest number {number} returns");
        let (asked, _) = machine.ask(&ask, request.as_bytes(), Some(request.as_bytes()))?;
        answers.right += asked.equal as usize;
        answers.wrong += asked.different as usize;
    }
    Ok(answers)
}

fn left(machine: &Machine, guests: usize) -> Result<Left> {
    let dom0 = machine.dom0_memory()?;
    Ok(Left { guests, xen: machine.free_memory()?, dom0 })
}

/// Takes most of what Xen has left, and starts guests until one is refused.
fn fill(machine: &Machine, crowd: &mut Crowd<'_>, echo: &[u8], group: &mut Group) -> Result<()> {
    let spare = machine.free_memory()?.saturating_sub(NEARLY_FULL) >> 10;
    // A large guest takes a little more than its memory.
    let memory = u32::try_from(spare.saturating_sub(spare / 64 + 4)).unwrap_or(u32::MAX);
    let large = Settings {
        name: "large",
        kernel: echo,
        ramdisk: None,
        command_line: "--ipv4=10.0.255.254/16",
        memory,
        // It answers nobody: an interface is what a lean machine starts a guest with.
        vif: Some(Vif { mac: [0, 0x16, 0x3e, 0xff, 0, 1], is_lean: true, ..Vif::default() }),
        restart: false,
        more: "",
    };
    eprintln!("{}: until Xen has no memory", group.name);
    let large = Domain::create(machine, &large, plain(), |_| ())?;
    let from = crowd.len();
    let mut before = machine.free_memory()?;
    while crowd.len() < from + TRIED {
        let number = crowd.len();
        match crowd.add(LINE, PORT) {
            Ok(_) => before = machine.free_memory()?,
            Err(error) => {
                let answers = ask_all(machine, crowd, number)?;
                group.notes.push(format!(
                    "when another guest has taken the rest of Xen's memory, the guest number {} is refused with {before} KiB \
                     left ({}); of the others answer: {}",
                    number + 1,
                    first_lines(&error),
                    answers.words()
                ));
                return large.destroy();
            }
        }
    }
    large.destroy()
}

/// Makes guests that do not run, and then lets each run and waits for its reply.
fn run_prepared(
    machine: &Machine,
    crowd: &mut Crowd<'_>,
    count: usize,
    group: &mut Group,
) -> Result<()> {
    eprintln!("{}: {count}", group.name);
    group.left.push(left(machine, 0)?);
    let mut made = Times::default();
    for _ in 0..count {
        made.push(crowd.prepare(LINE, PORT)?);
    }
    group.left.push(left(machine, count)?);
    for number in 0..count {
        let started = crowd.run_prepared(number, PORT)?;
        group.created.push(started.created);
        group.replied.push(started.replied);
    }
    group.answers.push(ask_all(machine, crowd, count)?);
    group.notes.push(format!(
        "`xl create -p` took {:.2} s before (the median); the times are those of `xl unpause`",
        made.median()
    ));
    Ok(())
}

/// What an error says, in one line without what Xen and the guest wrote.
fn first_lines(error: &anyhow::Error) -> String {
    let text = format!("{error:#}").replace('|', "/");
    let lines: Vec<_> = text.lines().map(str::trim).take(4).collect();
    lines.join(" / ")
}
