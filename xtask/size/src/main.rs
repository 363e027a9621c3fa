//! `cargo xtask size`: calls the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use lab::cargo::Platform;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says how large the images of guests are, and what takes the room; fails if they have grown too large
    Size {
        /// Only the image of this service, and what takes the room in it
        app: Option<String>,
        /// Where the image of that service runs
        #[arg(long, value_enum, default_value_t = Host::Xen, requires = "app")]
        on: Host,
        /// The features that it has beside those of its platform
        #[arg(long, value_delimiter = ',', requires = "app")]
        features: Vec<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Host {
    Xen,
    Kvm,
    /// One image for both
    Guest,
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Size { app: None, .. } => size::check(),
            Self::Size { app: Some(app), on, features } => {
                let platform = match on {
                    Host::Xen => Platform::Xen,
                    Host::Kvm => Platform::Kvm,
                    Host::Guest => Platform::Guest,
                };
                let features: Vec<_> = features.iter().map(String::as_str).collect();
                size::show(&app, platform, &features)
            }
        }
    }
}

fn main() -> ExitCode {
    lab::tools::exit_code(Arguments::parse().command.run())
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn a_platform_is_that_of_a_service() {
        let read = |args: &[&str]| {
            let args = ["cargo xtask", "size"].iter().chain(args);
            Arguments::try_parse_from(args).map(|_| ()).map_err(|error| error.kind())
        };
        for args in
            [&[][..], &["echo"], &["echo", "--on", "kvm"], &["echo", "--features", "dhcp,ipv6"]]
        {
            assert_eq!(read(args), Ok(()), "{args:?}");
        }
        assert_eq!(read(&["--on", "kvm"]), Err(ErrorKind::MissingRequiredArgument));
    }
}
