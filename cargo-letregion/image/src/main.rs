#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod firecracker;
mod guest;
mod libvirt;
mod line;
mod oci;
mod plan;
mod systemd;
mod write;
mod xl;

use std::{ffi::OsString, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser as _, ValueEnum};
use lab::{
    cargo::{Build, Platform, Profile, Workspace},
    image::stripped,
};

use self::{
    guest::{Guest, check_interface, check_name, host_path},
    line::Line,
    oci::Monitor,
    plan::{Format, To},
};

/// The least memory of a guest, in MiB: it is loaded above the first, and Xen's tools give no less.
const LEAST_MEMORY: u32 = 2;
/// The bridge that Xen's tools have.
const XEN_BRIDGE: &str = "xenbr0";

/// Builds a guest, and writes the image or the file with which an engine starts it
#[derive(clap::Parser)]
#[command(name = "cargo letregion image", bin_name = "cargo letregion image", version)]
struct Image {
    /// The service, a package of this workspace [default: that of this folder]
    app: Option<String>,
    /// For which engine; several of them with commas between, or all
    #[arg(long, value_enum, value_name = "ENGINE", value_delimiter = ',', required = true)]
    to: Vec<To>,
    /// For which hypervisor, of which libvirt has both; or one image for both [default: xen for xl, kvm for the others]
    #[arg(long, value_enum)]
    on: Option<On>,
    /// The folder that the files are written into [default: target/image/NAME]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The folder in which the host will have the guest, an absolute path that the files name [default: the folder
    /// that they are written into]
    #[arg(long, value_name = "DIR")]
    image_dir: Option<PathBuf>,
    /// What the guest is called, and its files [default: the service]
    #[arg(long)]
    name: Option<String>,
    /// The memory of the guest, in MiB; to urunc the limit of a container says it [default: what the service asks for, or 2]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: Option<u32>,
    /// The TAP device of the host, for firecracker and systemd
    #[arg(long, value_name = "INTERFACE", default_value = "tap0")]
    tap: String,
    /// The bridge of the host, for libvirt and xl [default: br0, on Xen xenbr0]
    #[arg(long, value_name = "INTERFACE")]
    bridge: Option<String>,
    /// What urunc starts the guest with
    #[arg(long, value_enum, default_value_t = Monitor::Qemu)]
    monitor: Monitor,
    /// Arguments for the service
    #[arg(last = true)]
    args: Vec<OsString>,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum On {
    /// Guests of KVM
    Kvm,
    /// Guests of Xen
    Xen,
    /// One image for both, with the files of each
    Guest,
}

impl On {
    /// Those that files are written for.
    fn hypervisors(self) -> &'static [Hypervisor] {
        match self {
            Self::Kvm => &[Hypervisor::Kvm],
            Self::Xen => &[Hypervisor::Xen],
            Self::Guest => &[Hypervisor::Kvm, Hypervisor::Xen],
        }
    }

    /// As it is typed.
    fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Xen => "xen",
            Self::Guest => "guest",
        }
    }
}

/// What starts a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hypervisor {
    Kvm,
    Xen,
}

impl Hypervisor {
    fn platform(self) -> Platform {
        match self {
            Self::Kvm => Platform::Kvm,
            Self::Xen => Platform::Xen,
        }
    }

    /// In the names of its files.
    fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Xen => "xen",
        }
    }

    /// The bridge of a host, where none is named: that of `docs/deploy.md`, and that of Xen's tools.
    fn bridge(self) -> &'static str {
        match self {
            Self::Kvm => "br0",
            Self::Xen => XEN_BRIDGE,
        }
    }
}

fn main() -> ExitCode {
    lab::tools::exit_code(Image::parse().run())
}

impl Image {
    /// Builds the guests that are needed and writes the files. Their paths go to standard output, one on a line, and what
    /// to do with them to standard error.
    ///
    /// # Errors
    /// A name, a path or an argument is one that a format cannot carry, or is wrong; an engine cannot do what is asked for;
    /// the guest does not build; or a file cannot be written.
    fn run(&self) -> Result<()> {
        // What can be wrong is looked at before anything is built.
        let formats = plan::plan(&self.to, self.on)?;
        let line = Line::read(&self.args)?;
        check_interface("--tap", &self.tap)?;
        if let Some(bridge) = &self.bridge {
            check_interface("--bridge", bridge)?;
        }
        let workspace = Workspace::here()?;
        let service = workspace.service(self.app.as_deref())?;
        let name = self.name.as_deref().unwrap_or_else(|| service.name());
        check_name(name)?;
        let memory = self.memory.map_or_else(|| service.memory(), Ok)?;
        ensure!(
            memory >= LEAST_MEMORY,
            "a guest with {memory} MiB: it takes {LEAST_MEMORY} at least, and is loaded above the first of them"
        );

        let default = || service.target_folder().join("image").join(name);
        let folder = self.output.clone().unwrap_or_else(default);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("cannot find the folder {}", folder.display()))?;
        let image_dir = self.image_dir.as_deref().unwrap_or(&folder);

        let platform = |hypervisor: Hypervisor| match self.on {
            Some(On::Guest) => Platform::Guest,
            _ => hypervisor.platform(),
        };
        // What the guest is called, by the platform that it is built for.
        let image = |platform: Platform| format!("{name}-{platform}");
        let mut files = Vec::new();
        for hypervisor in [Hypervisor::Kvm, Hypervisor::Xen] {
            let wanted = formats.iter().filter(|(_, on)| *on == hypervisor);
            let formats: Vec<Format> = wanted.map(|(format, _)| *format).collect();
            if formats.is_empty() {
                continue;
            }
            let platform = platform(hypervisor);
            let guest = Guest {
                name: name.to_owned(),
                image: host_path(image_dir, &image(platform))?,
                memory,
                line: line.clone(),
                tap: self.tap.clone(),
                bridge: self.bridge.clone().unwrap_or_else(|| hypervisor.bridge().to_owned()),
            };
            files.push((platform, write::texts(&guest, hypervisor, &formats)?, formats, guest));
        }
        for same in files.chunk_by(|(one, ..), (other, ..)| one == other) {
            let [(platform, _, _, guest), ..] = same else { continue };
            let program = service.build(&Build::new(*platform, Profile::Guest))?;
            let bytes = stripped(&program)?;
            write::write(&folder, &image(*platform), &bytes)?;
            for (_, texts, formats, guest) in same {
                write::write_all(&folder, texts)?;
                if formats.contains(&Format::Oci) {
                    write::oci(&folder, guest, &bytes, self.monitor)?;
                }
            }
            eprintln!(
                "The guest is {} bytes; the files of the host name it as {}.\n\
                 Keep {} too: it explains the addresses of a crash.",
                bytes.len(),
                guest.image,
                program.display()
            );
        }
        Ok(())
    }
}
