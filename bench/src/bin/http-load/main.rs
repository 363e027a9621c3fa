//! The load of HTTP: so many connections, each with one request outstanding, each reply checked, for so long.
//!
//! Prints one line of JSON.

#![forbid(unsafe_code)]

mod connection;
mod load;

use std::{
    net::SocketAddrV4,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bench::{Cores, usage, usage::Usage};
use clap::{Parser, ValueEnum};
use load::Load;
use serde_json::json;

/// How long the idle connections are left alone before their memory is looked at.
const SETTLE: Duration = Duration::from_millis(500);

/// Sends requests to an HTTP service and checks the replies
#[derive(Parser)]
struct Arguments {
    /// Address and port of the service
    #[arg(long)]
    to: SocketAddrV4,
    /// What is measured
    #[arg(long, value_enum)]
    mode: Mode,
    /// How many connections there are at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    connections: u64,
    /// How many more connections there are, of which each had one reply and is idle
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=15_000))]
    idle: u64,
    /// What is asked for: its reply is always the same
    #[arg(long, default_value = "/hello")]
    path: String,
    /// The length of a body in bytes, where one is sent
    #[arg(long, default_value_t = 0)]
    body: u64,
    /// For how long, in milliseconds; a fifth of it comes before, unmeasured
    #[arg(long)]
    milliseconds: u64,
    /// The number of the process that serves, if it is one of this machine: its use of the processor and its memory are
    /// told, which are 0 otherwise
    #[arg(long)]
    server: Option<u32>,
}

/// What a request is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// GET, the next one on the same connection
    KeepAlive,
    /// GET, each on a connection of its own
    Close,
    /// POST with a body, and then GET /hello on the same connection, so that the body has been read
    Post,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let Arguments { to, mode, connections, idle, path, body, server, .. } = arguments;
    let time = Duration::from_millis(arguments.milliseconds);
    tests::raise_file_limit().context("cannot open many sockets")?;
    let cores = Cores::choose().context("cannot ask for the cores")?;
    let distance = || cores.map(Cores::distance).transpose().context("cannot use two cores");
    let before = distance()?;
    if let Some(cores) = cores {
        server.map(|server| usage::pin_all(server, cores.server)).transpose()?;
        usage::pin_all(std::process::id(), cores.load)?;
    }
    let resident = || server.map_or(Ok(0), usage::resident);
    let first = resident()?;
    let kept = load::idle(to, &path, idle)?;
    if idle > 0 {
        thread::sleep(SETTLE);
    }
    let with_idle = resident()?;
    let mut load = Load::new(to, mode, &path, body, connections)?;
    // With a core to itself it never sleeps: who is measured would pay for waking it.
    let sleeps = cores.is_none();
    load.run(time / 5, sleeps)?;
    load.forget();
    let of_server = || server.map_or_else(|| Ok(Usage::default()), Usage::of);
    let of_load = || Usage::of(std::process::id());
    let (server_before, load_before) = (of_server()?, of_load()?);
    let start = Instant::now();
    load.run(time, sleeps)?;
    let elapsed = start.elapsed();
    let of_server = of_server()?.since(&server_before);
    let of_load = of_load()?.since(&load_before);
    drop(kept);
    let counts = load.counts();
    let after = distance()?;
    let nanos = |time: Option<Duration>| time.map(|time| time.as_nanos() as u64);
    println!(
        "{}",
        json!({
            "elapsed": elapsed.as_nanos() as u64,
            "replies": counts.latencies.len(),
            "bytes": counts.bytes,
            "failed": counts.failed,
            "p50": counts.latencies.value_at_quantile(0.5),
            "p99": counts.latencies.value_at_quantile(0.99),
            "resident": first,
            "resident_with_idle": with_idle,
            "distance_before": nanos(before),
            "distance_after": nanos(after),
            "server_run": of_server.run,
            "server_waited": of_server.waited,
            "server_user_ticks": of_server.user_ticks,
            "server_kernel_ticks": of_server.kernel_ticks,
            "load_run": of_load.run,
            "load_waited": of_load.waited,
        })
    );
    Ok(())
}
