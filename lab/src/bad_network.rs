//! Two network namespaces with a link between them that delays, loses, reorders, doubles and changes frames, at a rate of
//! its own: in user space, because not every kernel has netem.
//!
//! ```text
//!   near                                far
//!   Linux, the client                   Linux, a server        the service
//!   near0 ──────── this process ─────── link0 ──┐                 tap0
//!                                               └──── bridge0 ─────┘
//! ```
//!
//! In the far namespace, Linux (the address of the bridge) and a service (a program on the TAP device) are behind
//! the same link, so both can be measured in one run.

mod bridge;
mod conditions;
mod line;

use std::{
    fs::{self, File},
    io::ErrorKind,
    marker::PhantomData,
    net::Ipv4Addr,
    panic, thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns};
use tun_rs::SyncDevice;

use self::bridge::Bridge;
pub use self::conditions::{Conditions, Counts, Rate, Share};
use crate::{
    Lab, Network, namespace,
    netlink::{Interface, Netlink},
};

/// The interface of the near namespace.
const NEAR: &str = "near0";
/// The end of the link in the far namespace, and the bridge that it and the service's device are ports of.
const FAR: &str = "link0";
const BRIDGE: &str = "bridge0";

/// How the frames pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// As they are, without conditions: also what the kernel would have a device cut, 64 KiB at once.
    Whole,
    /// One by one, no longer than the MTU and with their checksums, under conditions.
    Frames {
        /// From the near namespace to the far one, and back.
        conditions: [Conditions; 2],
        /// What chance decides follows from it.
        seed: u64,
    },
}

/// The two namespaces, from the far one.
#[derive(Debug)]
pub struct BadNetwork {
    lab: Lab,
    linux: Ipv4Addr,
    near: File,
    link: Link,
    bridge: Bridge,
}

/// Calls `work` in the far one of two new namespaces, and waits for it. Both end with `work`.
///
/// Near, Linux has the address `network.host`. Far, a service can be started in [`BadNetwork::lab`], at
/// `network.service`, and Linux has the next address.
///
/// # Errors
/// What is missing on this machine; the link broke.
///
/// # Panics
/// If `work` panics.
pub fn between<T: Send>(
    network: Network,
    link: Link,
    work: impl FnOnce(&BadNetwork) -> T + Send,
) -> Result<T> {
    let far = || -> Result<T> {
        namespace::enter()?;
        let bad = BadNetwork::set_up(network, link)?;
        let result = work(&bad);
        bad.bridge.end()?;
        Ok(result)
    };
    join(thread::scope(|scope| scope.spawn(far).join()))
}

impl BadNetwork {
    /// The far namespace, which this thread is in: services are started here.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The address of Linux in the far namespace.
    pub fn linux(&self) -> Ipv4Addr {
        self.linux
    }

    /// Calls `client` in the near namespace, on another thread.
    ///
    /// # Errors
    /// The namespace cannot be entered.
    ///
    /// # Panics
    /// If `client` panics.
    pub fn near<T: Send>(&self, client: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace = &self.near;
        let near = || -> Result<T> {
            setns(namespace, CloneFlags::CLONE_NEWNET).context("cannot enter the namespace")?;
            Ok(client())
        };
        join(thread::scope(|scope| scope.spawn(near).join()))
    }

    /// Other conditions for the frames that follow, from near to far and back. Counts begin again.
    ///
    /// # Errors
    /// It is a link for whole frames.
    pub fn set(&self, conditions: [Conditions; 2], seed: u64) -> Result<()> {
        ensure!(self.link != Link::Whole, "a link for whole frames has no conditions");
        self.bridge.set(conditions, seed);
        Ok(())
    }

    /// What the link did since the conditions were set, from near to far and back.
    pub fn counts(&self) -> [Counts; 2] {
        self.bridge.counts()
    }

    /// For how long the link has kept a processor busy.
    pub fn run(&self) -> Duration {
        self.bridge.run()
    }

    /// Makes the near namespace, sets this one up, which is to be the far one, and connects the two.
    fn set_up(network: Network, link: Link) -> Result<Self> {
        let (whole, near_address) = (link == Link::Whole, network.host);
        let linux = Ipv4Addr::from(network.service.to_bits().wrapping_add(1));
        let (prefix, mtu) = (network.prefix, network.mtu);
        let near = move || -> Result<(File, SyncDevice)> {
            namespace::enter()?;
            prepare_linux()?;
            let device = bridge::open(NEAR, whole)?;
            start_up(NEAR, mtu, Some((near_address, prefix)))?;
            let namespace = File::open("/proc/thread-self/ns/net");
            Ok((namespace.context("cannot open the namespace")?, device))
        };
        let (near, near_device) = join(thread::spawn(near).join())?;
        prepare_linux()?;
        let device = bridge::open(FAR, whole)?;
        netif_tap::create(Box::leak(network.interface.clone().into_boxed_str()))
            .map_err(|error| anyhow!("{error}"))?;
        let mut netlink = Netlink::open()?;
        netlink.add_bridge(BRIDGE)?;
        let bridge = Interface::named(BRIDGE)?;
        for port in [FAR, &network.interface] {
            netlink.make_port(Interface::named(port)?, bridge)?;
            start_up(port, mtu, None)?;
        }
        start_up(BRIDGE, mtu, Some((linux, prefix)))?;
        let (conditions, seed) = match link {
            Link::Whole => ([Conditions::PERFECT; 2], 0),
            Link::Frames { conditions, seed } => (conditions, seed),
        };
        let bridge = Bridge::start([near_device, device], whole, conditions, seed);
        // Linux drops what it sends until it has noticed that a port of the bridge has a carrier. Its other devices had
        // theirs before they were turned on.
        Network { interface: BRIDGE.into(), ..Network::default() }.wait_until_up()?;
        let lab = Lab { network, on_this_thread: PhantomData };
        Ok(Self { lab, linux, near, link, bridge })
    }
}

/// Turns an interface of this thread's namespace on.
fn start_up(name: &str, mtu: u16, address: Option<(Ipv4Addr, u8)>) -> Result<()> {
    let (mut netlink, interface) = (Netlink::open()?, Interface::named(name)?);
    netlink.set_mtu(interface, mtu)?;
    if let Some((address, prefix)) = address {
        netlink.add_address(interface, address, prefix)?;
    }
    netlink.set_up(interface).with_context(|| format!("the interface {name}"))
}

/// Has Linux say nothing over IPv6 in this thread's namespace, and forget what it learnt of a path with each
/// connection: the next one would begin with what the conditions were before.
fn prepare_linux() -> Result<()> {
    Netlink::open()?.set_up(Interface::named("lo")?)?;
    for (name, value, may_miss) in [
        ("ipv6/conf/all/disable_ipv6", "1", true),
        ("ipv6/conf/default/disable_ipv6", "1", true),
        ("ipv4/tcp_no_metrics_save", "1", false),
    ] {
        match fs::write(format!("/proc/sys/net/{name}"), value) {
            Err(error) if may_miss && error.kind() == ErrorKind::NotFound => {}
            written => written.with_context(|| format!("cannot set {name}"))?,
        }
    }
    Ok(())
}

/// What a thread returned; a panic of it goes on.
fn join<T>(result: thread::Result<Result<T>>) -> Result<T> {
    result.unwrap_or_else(|panic| panic::resume_unwind(panic))
}
