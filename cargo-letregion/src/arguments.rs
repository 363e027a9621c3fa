//! What can be typed.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use lab::{
    cargo::{Profile, Workspace},
    kvm::{Accelerator, Machine},
};

use crate::{
    build, new, programs,
    run::{self, Forward, Guest, GuestOptions, KvmOptions, Options},
    test,
};

#[derive(Parser)]
#[command(name = "cargo letregion", bin_name = "cargo letregion", version)]
#[command(about = "Makes, runs, builds and profiles network services without an operating system")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a service of your own: Cargo.toml and src/main.rs
    New(New),
    /// Builds a service, runs it in a network of its own, and sends it requests
    Run(Run),
    /// Builds a service, and says where its program or its image is
    Build(Build),
    /// Builds a guest, and writes the image or the file with which an engine starts it
    #[command(disable_help_flag = true)]
    Image(Rest),
    /// Draws what the regions of a service hold over many requests, and says whether it grows
    #[command(disable_help_flag = true)]
    Profile(Rest),
    /// Runs the tests of a service: cargo test
    Test(Test),
}

/// What `new` is told.
#[derive(clap::Args)]
pub(crate) struct New {
    /// The name of the package, and of the folder that is made
    pub(crate) name: String,
    /// Make a service on HTTP, with a route, a file and a test, instead of one on UDP
    #[arg(long)]
    pub(crate) http: bool,
    /// Depend on the letregion in this folder [default: the one that this tool was built from]
    #[arg(long, value_name = "DIR", conflicts_with = "git")]
    pub(crate) path: Option<PathBuf>,
    /// Depend on the letregion in this repository
    #[arg(long, value_name = "URL")]
    pub(crate) git: Option<String>,
    /// At this commit
    #[arg(long, requires = "git", conflicts_with = "branch")]
    pub(crate) rev: Option<String>,
    /// At the end of this branch
    #[arg(long, requires = "git")]
    pub(crate) branch: Option<String>,
}

/// What is sent to a service.
#[derive(clap::Args)]
struct Request {
    /// Send this, print the reply, and end
    #[arg(long = "request", value_name = "TEXT", conflicts_with = "file")]
    text: Option<OsString>,
    /// Send the content of this file, as it is
    #[arg(long = "request-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Run {
    /// The service, a package of this workspace [default: that of this folder]; on Xen also `linux`, a Linux that
    /// echoes, to compare with
    app: Option<String>,
    /// Where it runs
    #[arg(long, value_enum, default_value_t = Platform::Unix)]
    on: Platform,
    #[command(flatten)]
    request: Request,
    /// The port that the requests go to: on UDP, or on TCP if the service has it there alone
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Let other programs of this machine reach a port of the service at 127.0.0.1, on UDP and on TCP; `8000:8080` if it is to be
    /// another there. May be given several times
    #[arg(short = 'p', long = "forward", value_name = "PORT")]
    forward: Vec<Forward>,
    /// Print the counters of the service when it ends
    #[arg(long)]
    counters: bool,
    /// On Linux: build for release, as what is measured is; a guest always is
    #[arg(long)]
    release: bool,
    /// On Xen: show what the guest writes on its console; on KVM that is always shown
    #[arg(long)]
    console: bool,
    /// On Xen and KVM: the memory of the guest, in MiB [default: what the service asks for, or 2]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: Option<u32>,
    /// On KVM: the machine of QEMU
    #[arg(long, value_enum, value_name = "NAME")]
    machine: Option<OnMachine>,
    /// On KVM: what executes the guest [default: kvm where the processor of this machine runs guests, or else tcg]
    #[arg(long, value_enum, value_name = "WHAT")]
    accel: Option<Accel>,
    /// On KVM: wait for a debugger before the first instruction, and print the line that starts it
    #[arg(long)]
    gdb: bool,
    /// With these features of the service, or of `letregion`: ipv6,dhcp
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    features: Vec<String>,
    /// Arguments for the service, after those that fit its network
    #[arg(last = true)]
    args: Vec<OsString>,
}

#[derive(clap::Args)]
pub(crate) struct Build {
    /// The service, a package of this workspace [default: that of this folder]
    app: Option<String>,
    /// Where it is to run
    #[arg(long, value_enum, default_value_t = Target::Unix)]
    on: Target,
    /// On Linux: build for release; a guest always is
    #[arg(long)]
    release: bool,
    /// With its log: for --log=LAYERS
    #[arg(long)]
    log: bool,
    /// With these features of the service, or of `letregion`: ipv6,dhcp
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    features: Vec<String>,
}

#[derive(clap::Args)]
pub(crate) struct Test {
    /// The service, a package of this workspace [default: that of this folder]
    app: Option<String>,
    /// Arguments for `cargo test`
    #[arg(last = true)]
    args: Vec<OsString>,
}

/// Arguments for another program.
#[derive(clap::Args)]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Platform {
    /// A Linux process on a TAP device
    Unix,
    /// A guest of Xen; `run` boots a real one, in QEMU
    Xen,
    /// A guest of KVM; `run` starts it in QEMU, with an emulated processor where there is no KVM
    Kvm,
}

/// What a service is built for.
#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// A Linux process on a TAP device
    Unix,
    /// A guest of Xen
    Xen,
    /// A guest of KVM
    Kvm,
    /// A guest of either: one image, larger than one for one of them, that looks where it is
    Guest,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum OnMachine {
    /// One made for guests alone, which is the default
    #[default]
    Microvm,
    /// A PC with PCI (i440FX)
    Pc,
    /// A PC with PCI Express (Q35)
    Q35,
}

impl From<OnMachine> for Machine {
    fn from(machine: OnMachine) -> Self {
        match machine {
            // With ACPI tables, so that a guest which ends turns the machine off.
            OnMachine::Microvm => Self::Microvm { acpi: true },
            OnMachine::Pc => Self::Pc,
            OnMachine::Q35 => Self::Q35,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Accel {
    /// The processor of this machine
    Kvm,
    /// An emulation, which QEMU does
    Tcg,
}

impl From<Accel> for Accelerator {
    fn from(accel: Accel) -> Self {
        match accel {
            Accel::Kvm => Self::Kvm,
            Accel::Tcg => Self::Tcg,
        }
    }
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// What could not be done, and why.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Self::New(arguments) => new::make(&arguments).map(done),
            Self::Run(arguments) => arguments.run().map(done),
            Self::Build(arguments) => arguments.run().map(done),
            Self::Image(Rest { args }) => programs::run("image-command", &args),
            Self::Profile(Rest { args }) => programs::run("profile", &args),
            Self::Test(arguments) => test::run(arguments.app.as_deref(), &arguments.args),
        }
    }
}

/// How a Linux process is built.
fn profile(release: bool) -> Profile {
    if release { Profile::Release } else { Profile::Dev }
}

impl Run {
    fn run(self) -> Result<()> {
        let request = lab::request(self.request.text.as_deref(), self.request.file.as_deref())?;
        let options = Options {
            port: self.port,
            request,
            forward: self.forward,
            counters: self.counters,
            features: self.features,
            args: self.args,
        };
        let is_on_kvm = matches!(self.on, Platform::Kvm);
        ensure!(
            is_on_kvm || (self.machine.is_none() && self.accel.is_none()),
            "--machine and --accel are for --on kvm"
        );
        ensure!(
            is_on_kvm || !self.gdb,
            "--gdb is for --on kvm; a process is debugged as any other: gdb -p PID"
        );
        match self.on {
            Platform::Unix => {
                ensure!(
                    !self.console && self.memory.is_none(),
                    "--console is for --on xen, and --memory for that and --on kvm; what a process says is \
                     always shown, and its memory is set by an argument of its own: -- --memory=1M"
                );
                // No thread runs yet, which the namespace asks for.
                lab::prepare()?;
                let workspace = Workspace::here()?;
                let service = workspace.service(self.app.as_deref())?;
                run::on_unix(service, profile(self.release), &options)
            }
            Platform::Kvm => {
                lab::prepare()?;
                let workspace = Workspace::here()?;
                let service = workspace.service(self.app.as_deref())?;
                let how = KvmOptions {
                    memory: self.memory,
                    machine: self.machine.unwrap_or_default().into(),
                    accelerator: self.accel.map(Into::into),
                    waits_for_debugger: self.gdb,
                };
                run::on_kvm(service, &how, &options)
            }
            Platform::Xen => {
                let guest = GuestOptions { memory: self.memory, console: self.console };
                if self.app.as_deref() == Some(run::LINUX) {
                    return run::on_xen(&Guest::Linux, &guest, &options);
                }
                let workspace = Workspace::here()?;
                let service = workspace.service(self.app.as_deref())?;
                run::on_xen(&Guest::Service(service), &guest, &options)
            }
        }
    }
}

impl Build {
    fn run(self) -> Result<()> {
        let workspace = Workspace::here()?;
        let service = workspace.service(self.app.as_deref())?;
        let log = self.log.then_some("log");
        let features: Vec<_> = self.features.iter().map(String::as_str).chain(log).collect();
        match self.on {
            Target::Unix => build::for_unix(service, profile(self.release), &features),
            Target::Xen => build::for_xen(service, &features),
            Target::Kvm => build::for_kvm(service, &features),
            Target::Guest => build::for_both(service, &features),
        }
    }
}
