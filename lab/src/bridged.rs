//! A network namespace with a bridge and many services on it, each on a TAP device of its own.
//!
//! ```text
//!   Linux, 10.0.0.1/16
//!   bridge0 ─┬─ tap0 ─── the service at 10.0.0.2
//!            ├─ tap1 ─── the service at 10.0.0.3
//!            └─ …
//! ```

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    marker::PhantomData,
    net::{Ipv4Addr, SocketAddrV4},
    panic,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{
    namespace,
    netlink::{Interface, Netlink},
    tools,
};

/// The bridge.
const BRIDGE: &str = "bridge0";
/// The address of Linux, and the length of the prefix that all share, in bits.
const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PREFIX: u8 = 16;
/// How long a service may take to open its device.
const UP_WITHIN: Duration = Duration::from_secs(60);
/// How often that is looked at.
const TICK: Duration = Duration::from_micros(200);

/// The namespace of this thread, with its bridge.
#[derive(Debug)]
pub struct Bridged {
    netlink: Netlink,
    bridge: Interface,
    ports: u16,
    /// The namespace belongs to the thread.
    on_this_thread: PhantomData<*const ()>,
}

/// A TAP device on the bridge, and the address of the service that opens it.
#[derive(Debug)]
pub struct Port {
    name: String,
    interface: Interface,
    address: Ipv4Addr,
}

/// Calls `work` in a new network namespace with a bridge in it, and waits for it. The namespace ends with `work`.
/// [`prepare`](crate::prepare) comes first.
///
/// # Errors
/// What is missing on this machine, and what would help.
///
/// # Panics
/// If `work` panics.
pub fn on_a_bridge<T: Send>(work: impl FnOnce(&mut Bridged) -> T + Send) -> Result<T> {
    let here = || -> Result<T> {
        namespace::enter()?;
        Ok(work(&mut Bridged::set_up()?))
    };
    thread::scope(|scope| scope.spawn(here).join())
        .unwrap_or_else(|panic| panic::resume_unwind(panic))
}

impl Bridged {
    fn set_up() -> Result<Self> {
        let mut netlink = Netlink::open()?;
        netlink.set_up(Interface::named("lo")?)?;
        // Each device would have addresses, and say so to all others.
        for of in ["all", "default"] {
            match fs::write(format!("/proc/sys/net/ipv6/conf/{of}/disable_ipv6"), "1") {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                written => written.context("cannot turn IPv6 off in the namespace")?,
            }
        }
        netlink.add_bridge(BRIDGE)?;
        let bridge = Interface::named(BRIDGE)?;
        netlink.add_address(bridge, HOST, PREFIX)?;
        netlink.set_up(bridge)?;
        Ok(Self { netlink, bridge, ports: 0, on_this_thread: PhantomData })
    }

    /// Makes another port.
    ///
    /// # Errors
    /// Linux makes no further device, or the bridge takes none.
    pub fn add(&mut self) -> Result<Port> {
        let number = self.ports;
        let name = format!("tap{number}");
        let address = HOST.to_bits() + 1 + u32::from(number);
        // A name of an argument, as of a program's own, is there until the program ends.
        netif_tap::create(Box::leak(name.clone().into_boxed_str())).map_err(|e| anyhow!("{e}"))?;
        let interface = Interface::named(&name)?;
        let port = Port { name, interface, address: address.into() };
        let whose = || format!("{}, the device number {} of the bridge", port.name, number + 1);
        self.netlink.make_port(interface, self.bridge).with_context(whose)?;
        self.netlink.set_up(interface).with_context(whose)?;
        self.ports += 1;
        Ok(port)
    }

    /// The command that runs the program of a service on this port, with the arguments that fit the network. The kernel ends
    /// the process (with `SIGTERM`) if this thread ends before it does.
    pub fn command(&self, port: &Port, program: impl AsRef<OsStr>) -> Command {
        let Port { name, address, .. } = port;
        let mut command = tools::with_us(program);
        command.arg(format!("--interface={name}"));
        command.arg(format!("--ipv4={address}/{PREFIX}")).arg(format!("--ipv4-gateway={HOST}"));
        command
    }

    /// Waits until Linux sends what is sent to this port: the service has opened its device.
    ///
    /// # Errors
    /// Nobody opens it within a minute, or Linux does not say what state it is in.
    pub fn wait_until_up(&mut self, port: &Port) -> Result<()> {
        let deadline = Instant::now() + UP_WITHIN;
        while !self.netlink.is_up(port.interface)? {
            ensure!(Instant::now() < deadline, "nobody has opened {}", port.name);
            thread::sleep(TICK);
        }
        Ok(())
    }
}

impl Port {
    /// Where its service is.
    pub fn at(&self, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, port)
    }
}
