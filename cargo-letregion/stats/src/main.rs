//! `letregion-stats`: reads the arguments and calls the library.

#![forbid(unsafe_code)]

use std::{
    io::{self, ErrorKind, Write as _},
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{ArgGroup, Parser, ValueEnum};
use letregion_stats::{Label, Question, Server, exposition, printable, replace};

/// Prints the counters of a letregion service, or hands them to Prometheus
#[derive(Parser)]
#[command(name = "letregion-stats", version)]
#[command(group = ArgGroup::new("how").args(["output", "listen", "check"]))]
struct Arguments {
    /// The service and its --stats-port: 10.0.0.2:9100
    service: String,
    /// Only lines that begin with this: eth0.udp
    #[arg(default_value = "")]
    prefix: String,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Lines)]
    format: Format,
    /// Replace this file, in Prometheus' format: for the textfile collector of the node exporter
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Serve /metrics over HTTP at this address, for Prometheus: 127.0.0.1:9101
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Print nothing; status 0 if the service answers, 1 and a line if not
    #[arg(long)]
    check: bool,
    /// A label for every value in Prometheus' format: service=echo; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<Label>,
    /// How long to wait for the answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    timeout: Duration,
    /// How often to ask in that time
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    tries: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each counter, as the service writes them
    Lines,
    /// Prometheus' text format, version 0.0.4
    Prometheus,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected 0.01 to 3600 seconds".into())
}

impl Arguments {
    fn run(self) -> Result<(), String> {
        let question = self.question()?;
        let service = &self.service;
        if let Some(address) = self.listen {
            return self.serve(address, &question);
        }
        let answer = question.ask();
        let failed = |error| Err(format!("{service}: {error}"));
        if let Some(file) = &self.output {
            let text = exposition(answer.as_ref().ok(), &self.labels);
            replace(file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
            return answer.map(drop).or_else(failed);
        }
        let listing = match answer {
            Ok(listing) => listing,
            Err(error) => return failed(error),
        };
        match self.format {
            _ if self.check => Ok(()),
            Format::Lines => print(&printable(listing.text())),
            Format::Prometheus => print(&exposition(Some(&listing), &self.labels)),
        }
    }

    fn question(&self) -> Result<Question, String> {
        let service = &self.service;
        let mut addresses = service.to_socket_addrs().map_err(|error| {
            format!("{service}: {error}: expected an address and a port: 10.0.0.2:9100")
        })?;
        // A health check needs one line, and leaves the limit of listings to others.
        let prefix = if self.check && self.prefix.is_empty() { "pool " } else { &self.prefix };
        Ok(Question {
            service: addresses.next().ok_or_else(|| format!("{service}: it has no address"))?,
            prefix: prefix.into(),
            timeout: self.timeout,
            tries: self.tries,
        })
    }

    fn serve(&self, address: SocketAddr, question: &Question) -> Result<(), String> {
        let failed = |error: io::Error| format!("--listen {address}: {error}");
        let server = Server::bind(address).map_err(failed)?;
        let address = server.address().map_err(failed)?;
        eprintln!("serving http://{address}/metrics");
        let mut is_up = true;
        server.run(move || {
            let answer = question.ask();
            // One line for each change, not for each question.
            match &answer {
                Err(error) if is_up => eprintln!("{}: {error}", self.service),
                Ok(_) if !is_up => eprintln!("{}: it answers again", self.service),
                _ => {}
            }
            is_up = answer.is_ok();
            exposition(answer.as_ref().ok(), &self.labels)
        })
    }
}

/// Prints to standard output. A reader that has enough is no error.
fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    match Arguments::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("letregion-stats: {error}");
            ExitCode::FAILURE
        }
    }
}
