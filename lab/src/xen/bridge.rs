//! Networks of dom0 beside the one that is always there.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};

use super::machine::Machine;

/// A bridge of dom0, for guests that are to be among themselves. Dropping it takes it away.
#[derive(Debug)]
pub struct Bridge<'m> {
    machine: &'m Machine,
    name: String,
}

impl Machine {
    /// Makes the bridge with this number, which is not 0, where dom0 has this address.
    ///
    /// # Errors
    /// There is one already, or Linux says no.
    pub fn bridge(&self, number: u8, address: Ipv4Addr, prefix: u8) -> Result<Bridge<'_>> {
        ensure!(number > 0, "the bridge 0 is there");
        let name = format!("xenbr{number}");
        self.succeed("brctl", &["addbr", &name])?;
        let bridge = Bridge { machine: self, name };
        let name = &bridge.name;
        // Otherwise it has the one of its ports, and none when the last of them goes.
        let mac = format!("02:00:00:00:00:{number:02x}");
        self.succeed("ip", &["link", "set", name, "address", &mac])?;
        // Whatever comes to a group goes to all, whether it is a message of IGMP or looks like a wrong one.
        let snooping = format!("/sys/class/net/{name}/bridge/multicast_snooping");
        self.write(&snooping, "0")?;
        self.succeed("ip", &["address", "add", &format!("{address}/{prefix}"), "dev", name])?;
        self.succeed("ip", &["link", "set", name, "up"])?;
        Ok(bridge)
    }
}

impl Bridge<'_> {
    /// The name of its interface.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Bridge<'_> {
    fn drop(&mut self) {
        // The machine may be gone.
        let _ = self.machine.run("ip", &["link", "set", &self.name, "down"]);
        let _ = self.machine.run("brctl", &["delbr", &self.name]);
    }
}
