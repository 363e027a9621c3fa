//! What a guest is made of, and how xl is told.

use std::fmt::{self, Write as _};

use anyhow::{Result, ensure};
use netif::MacAddr;

use super::initramfs::{LEAN_VIF_SCRIPT, VIF_SCRIPT};
use crate::cores_of;

/// What a guest is made of.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Its name: letters, digits and hyphens.
    pub name: &'a str,
    /// Its kernel, an ELF file or a bzImage.
    pub kernel: &'a [u8],
    /// Its initramfs, if it has one.
    pub ramdisk: Option<&'a [u8]>,
    /// Its command line.
    pub command_line: &'a str,
    /// Its memory, in MiB.
    pub memory: u32,
    /// Further lines of its file.
    pub more: &'a str,
    /// Its network interface, if it has one.
    pub vif: Option<Vif>,
    /// Whether it is started again when it asks for that. A triple fault counts as asking.
    pub restart: bool,
}

impl Settings<'_> {
    /// The length of its kernel and of its initramfs, in bytes.
    pub(super) fn size(&self) -> usize {
        self.kernel.len() + self.ramdisk.map_or(0, <[u8]>::len)
    }
}

/// A network interface on a bridge of dom0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vif {
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The number of the bridge: 0, where dom0 has the address 10.0.0.1/24, or one that was made by
    /// [`Machine::bridge`](super::Machine::bridge).
    pub bridge: u8,
    /// The largest payload of a frame, in bytes; Linux's own choice (1500) if none is given.
    pub mtu: Option<u16>,
    /// Whether as little as possible is done in dom0 for it and for its guest: that gets no console, and its interface no MTU of
    /// its own.
    pub is_lean: bool,
}

impl Default for Vif {
    /// The first address of those that are Xen's, on the bridge that is always there.
    fn default() -> Self {
        Self { mac: [0, 0x16, 0x3e, 0, 0, 1], bridge: 0, mtu: None, is_lean: false }
    }
}

impl Vif {
    /// Its hardware address as text.
    pub(super) fn mac_text(&self) -> String {
        MacAddr(self.mac).to_string()
    }
}

impl fmt::Display for Vif {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bridge, mac) = (self.bridge, self.mac_text());
        let script = if self.is_lean { LEAN_VIF_SCRIPT } else { VIF_SCRIPT };
        write!(f, "bridge=xenbr{bridge},mac={mac},script={script}")?;
        self.mtu.map_or(Ok(()), |mtu| write!(f, ",mtu={mtu}"))
    }
}

/// The file that `xl create` reads (xl.cfg(5)).
pub(super) fn file(settings: &Settings<'_>, folder: &str) -> Result<String> {
    let mut file = String::new();
    writeln!(file, "name=\"{}\"\ntype=\"pvh\"\nkernel=\"{folder}/kernel\"", settings.name)?;
    if settings.ramdisk.is_some() {
        writeln!(file, "ramdisk=\"{folder}/ramdisk\"")?;
    }
    writeln!(file, "cmdline={}", xl_string(settings.command_line)?)?;
    let vcpus = cores_of(settings.command_line);
    writeln!(file, "memory={}\nvcpus={vcpus}", settings.memory)?;
    writeln!(file, "on_reboot=\"{}\"", if settings.restart { "restart" } else { "destroy" })?;
    if let Some(vif) = &settings.vif {
        writeln!(file, "vif=[\"{vif}\"]")?;
    }
    if !settings.more.is_empty() {
        writeln!(file, "{}", settings.more)?;
    }
    Ok(file)
}

/// A guest as the domain file of an operator has it.
#[derive(Clone, Copy, Debug)]
pub struct XlGuest<'a> {
    /// Its name: letters, digits and hyphens.
    pub name: &'a str,
    /// Where the host has its image.
    pub kernel: &'a str,
    /// Its command line.
    pub line: &'a str,
    /// Its memory, in MiB.
    pub memory: u32,
    /// Its network interface (xl-network-configuration(5)).
    pub vif: &'a str,
}

/// The lines of a domain file without which there is no guest (xl.cfg(5)).
///
/// # Errors
/// The path or the command line has a character that no string of a domain file can have.
pub fn xl_settings(guest: &XlGuest<'_>) -> Result<String> {
    let XlGuest { name, kernel, line, memory, vif } = *guest;
    Ok(format!(
        "name = \"{name}\"\n\
         type = \"pvh\"\n\
         kernel = {kernel}\n\
         cmdline = {line}\n\
         memory = {memory}\n\
         vcpus = 1\n\
         vif = [\"{vif}\"]\n",
        kernel = xl_string(kernel)?,
        line = xl_string(line)?,
    ))
}

/// A string as the domain files of xl have it (xl.cfg(5)), in one kind of quotes or the other: within a string no quote of
/// its own kind may stand, not even after a backslash, and what xl does with numbers there is wrong.
///
/// # Errors
/// The text has control characters, or both kinds of quotes.
fn xl_string(text: &str) -> Result<String> {
    ensure!(
        !text.contains(|c: char| c.is_control()),
        "{text:?} cannot stand in a domain file: it has control characters"
    );
    let quote = if text.contains('"') { '\'' } else { '"' };
    ensure!(
        !text.contains(quote),
        "{text:?} cannot stand in a domain file: xl cannot read both kinds of quotes"
    );
    Ok(format!("{quote}{}{quote}", text.replace('\\', "\\\\")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_was_set() {
        let settings = Settings {
            name: "echo",
            kernel: &[],
            ramdisk: None,
            command_line: "--ipv4=10.0.0.2/24 a\\\"b",
            memory: 2,
            vif: Some(Vif { mtu: Some(9000), ..Vif::default() }),
            restart: false,
            more: "maxmem=64",
        };
        assert_eq!(
            file(&settings, "/domains/echo").unwrap(),
            "name=\"echo\"\ntype=\"pvh\"\nkernel=\"/domains/echo/kernel\"\n\
             cmdline='--ipv4=10.0.0.2/24 a\\\\\"b'\nmemory=2\nvcpus=1\n\
             on_reboot=\"destroy\"\n\
             vif=[\"bridge=xenbr0,mac=00:16:3e:00:00:01,script=/etc/xen/vif,mtu=9000\"]\nmaxmem=64\n"
        );
        assert_eq!(xl_string("it's").unwrap(), "\"it's\"");
        assert!(xl_string("one\ntwo").is_err());
        assert!(xl_string("'\"").is_err());
    }
}
