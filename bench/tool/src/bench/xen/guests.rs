//! Who is measured.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
};

use anyhow::{Context, Result};

use lab::{
    cargo, image,
    xen::{Linux, Machine, Settings, Vif},
};

/// The name of ours.
pub(crate) const OURS: &str = "letregion";
/// The name of the other.
pub(crate) const LINUX: &str = "Linux";

/// A guest that echoes UDP datagrams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// The name of its domain.
    domain: &'static str,
    /// Where it serves.
    pub(super) to: SocketAddrV4,
    /// The last byte of its hardware address.
    mac: u8,
    /// The memory that it is given, in MiB.
    pub(super) memory: u32,
}

/// Both, in the order in which they take turns.
pub(super) const PEERS: [Peer; 2] = [
    Peer {
        name: OURS,
        domain: "echo",
        to: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 8080),
        mac: 1,
        memory: 2,
    },
    Peer {
        name: LINUX,
        domain: "linux",
        to: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 3), 8080),
        mac: 2,
        memory: 128,
    },
];

/// What they are made of.
#[derive(Debug)]
pub(super) struct Guests {
    program: PathBuf,
    echo: Vec<u8>,
    linux: Linux,
}

/// The image of echo, which is built if it is not there.
pub(crate) fn image() -> Result<PathBuf> {
    cargo::build_xen(&["echo"], &[])?.remove("echo").context("echo has no program")
}

impl Guests {
    pub(super) fn new(machine: &Machine) -> Result<Self> {
        let program = image()?;
        let echo =
            fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
        let linux = Linux::new(machine, "--ipv4=10.0.0.3/24 --interface-stays")?;
        Ok(Self { program, echo, linux })
    }

    /// As a guest with so many MiB of memory.
    pub(super) fn settings(&self, peer: &Peer, memory: u32) -> Settings<'_> {
        let vif = Some(Vif { mac: [0, 0x16, 0x3e, 0, 0, peer.mac], ..Vif::default() });
        let settings = match peer.name {
            OURS => Settings {
                name: peer.domain,
                kernel: &self.echo,
                ramdisk: None,
                command_line: "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1",
                memory,
                vif,
                restart: false,
                more: "",
            },
            _ => self.linux.settings(peer.domain),
        };
        Settings { memory, vif, restart: false, ..settings }
    }

    /// What has to be there to start it, in bytes: our image without its symbols; kernel and initramfs.
    pub(super) fn size(&self, peer: &Peer) -> Result<u64> {
        match peer.name {
            OURS => Ok(image::stripped(&self.program)?.len() as u64),
            _ => {
                let Settings { kernel, ramdisk, .. } = self.linux.settings(peer.domain);
                Ok((kernel.len() + ramdisk.map_or(0, <[u8]>::len)) as u64)
            }
        }
    }
}
