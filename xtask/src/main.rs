#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::{
    env,
    ffi::OsStr,
    io,
    process::{self, Command, ExitCode, ExitStatus},
};

/// The commands, each with the package whose program does it, and a word on it.
const COMMANDS: [(&str, &str, &str); 9] = [
    ("soak", "soak-command", "Asks all services for a long time over a bad and hostile network"),
    ("bench", "bench-tool", "Measures echo beside its peers and the limit of the device"),
    ("cost", "bench-tool", "Counts the instructions of each layer"),
    ("fuzz", "ci", "Looks for inputs that fail, from where the last run ended"),
    ("dependencies", "ci", "Writes what the images are made of into docs/supply-chain.md"),
    ("size", "size", "Says how large the images for Xen are, and what takes the room"),
    ("first-minute", "ci", "Measures what it takes from a clean clone to the first reply"),
    ("test", "ci", "Runs everything that CI runs"),
    ("missing", "ci", "Lists the Debian packages that the tests need and that are missing here"),
];

/// The commands of the tool for people who write services, which are not found here.
const MOVED: [&str; 4] = ["build", "new", "profile", "run"];

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let name = args.next().unwrap_or_default();
    if name.is_empty() || name == "--help" || name == "-h" || name == "help" {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some((_, package, _)) = COMMANDS.iter().find(|(known, ..)| name == *known) else {
        let elsewhere = if MOVED.contains(&&*name.to_string_lossy()) {
            format!(": it is `cargo letregion {}`", name.display())
        } else {
            String::new()
        };
        eprint!("error: there is no command {}{elsewhere}\n\n{}", name.display(), usage());
        return ExitCode::from(2);
    };
    match call(package, &name, args) {
        Ok(status) => exit(status),
        Err(error) => {
            eprintln!("error: cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What can be typed.
fn usage() -> String {
    let lines = COMMANDS.map(|(name, _, what)| format!("  {name:<14}{what}\n"));
    format!(
        "For people who work on this repository; services are run by `cargo letregion`.\n\n\
         Usage: cargo xtask COMMAND [--help]\n\n{}",
        lines.concat()
    )
}

/// Builds the program of `package` and gives it the command and what follows.
fn call(
    package: &str,
    name: &OsStr,
    args: impl Iterator<Item = impl AsRef<OsStr>>,
) -> io::Result<ExitStatus> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .args([
            "run",
            "--quiet",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"),
        ])
        .args(["--package", package, "--"])
        .arg(name)
        .args(args)
        .status()
}

/// Ends as the program did.
fn exit(status: ExitStatus) -> ! {
    process::exit(status.code().unwrap_or(1))
}
