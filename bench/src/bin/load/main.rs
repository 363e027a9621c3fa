//! The load: so many requests outstanding at any time, each reply checked, for so long.
//!
//! Prints one line of JSON.

#![forbid(unsafe_code)]

mod window;

use std::{
    net::{SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bench::{Content, Cores, usage, usage::Usage};
use clap::Parser;
use serde_json::json;
use window::Window;

/// The most that a UDP datagram carries over IPv4, in bytes.
const LONGEST: u64 = 65_507;
/// The largest window: what one system call sends.
const WIDEST: u64 = 1024;

/// Sends requests to an echo service and checks the replies.
#[derive(Parser)]
struct Arguments {
    /// Address and port of the service
    #[arg(long)]
    to: SocketAddrV4,
    /// The size of a request in bytes
    #[arg(long, value_parser = clap::value_parser!(u64).range(Content::LEAST as u64..=LONGEST))]
    size: u64,
    /// How many requests are outstanding
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=WIDEST))]
    window: u64,
    /// For how long, in milliseconds; a fifth of it comes before, unmeasured
    #[arg(long)]
    milliseconds: u64,
    /// Hand many requests over at once (`UDP_SEGMENT`), and take as many replies (`UDP_GRO`)
    #[arg(long)]
    segments: bool,
    /// The number of the process that serves
    #[arg(long)]
    server: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let time = Duration::from_millis(arguments.milliseconds);
    let cores = Cores::choose().context("cannot ask for the cores")?;
    let distance = || cores.map(Cores::distance).transpose().context("cannot use two cores");
    let before = distance()?;
    if let Some(cores) = cores {
        usage::pin_all(arguments.server, cores.server)?;
        usage::pin_all(std::process::id(), cores.load)?;
    }
    let socket = UdpSocket::bind("0.0.0.0:0").context("cannot open a socket")?;
    socket.connect(arguments.to).context("cannot connect")?;
    let (size, window) = (arguments.size as usize, arguments.window as usize);
    let mut window = Window::new(socket, size, window, arguments.segments)?;
    window.greet()?;
    window.run(time / 5)?;
    window.forget();
    let usage = |of: u32| Usage::of(of);
    let (server, load) = (usage(arguments.server)?, usage(std::process::id())?);
    let start = Instant::now();
    window.run(time)?;
    let elapsed = start.elapsed();
    let (server, load) =
        (usage(arguments.server)?.since(&server), usage(std::process::id())?.since(&load));
    let counts = window.counts();
    let after = distance()?;
    let nanos = |time: Option<Duration>| time.map(|time| time.as_nanos() as u64);
    println!(
        "{}",
        json!({
            "elapsed": elapsed.as_nanos() as u64,
            "replies": counts.latencies.len(),
            "lost": counts.lost,
            "p50": counts.latencies.value_at_quantile(0.5),
            "p99": counts.latencies.value_at_quantile(0.99),
            "distance_before": nanos(before),
            "distance_after": nanos(after),
            "server_run": server.run,
            "server_waited": server.waited,
            "server_user_ticks": server.user_ticks,
            "server_kernel_ticks": server.kernel_ticks,
            "load_run": load.run,
            "load_waited": load.waited,
        })
    );
    Ok(())
}
