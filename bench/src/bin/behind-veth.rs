//! Runs a program behind a pair of virtual Ethernet interfaces, in a network namespace of its own:
//! `behind-veth --interface=veth0 --ipv4=10.0.1.2/24 --ipv4-gateway=10.0.1.1 -- PROGRAM ARGUMENTS`.
//!
//! Makes the pair (`--interface` is the host's end). The program has the number of this process.

#![forbid(unsafe_code)]

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use bench::Arguments;
use clap::Parser;
use nix::{
    sched::{CloneFlags, unshare},
    unistd::getpid,
};

/// The name of the program's end of the pair.
const INSIDE: &str = "inside";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

fn main() -> Result<()> {
    let Line { arguments, command } = Line::parse();
    let (interface, prefix) = (arguments.interface, arguments.ipv4.prefix());
    let gateway = format!("{}/{prefix}", arguments.ipv4_gateway);
    let (namespace, entered) = mpsc::channel();
    // A thread that stays outside gives the pair its place. What it calls is in its namespace.
    let outside = thread::spawn(move || -> Result<()> {
        // One that ended a moment ago may have left its own: the kernel cleans a namespace up in its own time.
        let _ = ip_command(&["link", "delete", &interface]).stderr(Stdio::null()).status();
        ip(&["link", "add", &interface, "type", "veth", "peer", "name", INSIDE])?;
        ip(&["address", "add", &gateway, "dev", &interface])?;
        ip(&["link", "set", "dev", &interface, "up"])?;
        if let Ok(()) = entered.recv() {
            ip(&["link", "set", "dev", INSIDE, "netns", &getpid().to_string()])?;
        }
        Ok(())
    });
    // The first thread, whose namespace is that of the program which takes its place.
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
    namespace.send(()).context("the pair cannot be made")?;
    outside.join().map_err(|_| anyhow!("a thread panicked"))??;
    ip(&["address", "add", &arguments.ipv4.to_string(), "dev", INSIDE])?;
    ip(&["link", "set", "dev", INSIDE, "up"])?;
    ip(&["link", "set", "dev", "lo", "up"])?;
    let (program, arguments) = command.split_first().context("there is no program")?;
    // It has not begun, so whoever asks has to ask again.
    eprintln!("serving");
    Err(Command::new(program).args(arguments).exec()).context("cannot start the program")
}

fn ip_command(arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(arguments);
    command
}

fn ip(arguments: &[&str]) -> Result<()> {
    let status = ip_command(arguments).status().context("cannot start ip")?;
    ensure!(status.success(), "ip {}: {status}", arguments.join(" "));
    Ok(())
}
