#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod apt;
#[cfg(feature = "bad-network")]
pub mod bad_network;
#[cfg(feature = "bridges")]
pub mod bridged;
pub mod cargo;
pub mod debian;
pub mod decode;
pub mod filter;
mod folder;
mod grouped;
pub mod image;
pub mod interrupt;
pub mod kvm;
mod lines;
mod namespace;
mod netlink;
mod network;
mod service;
#[cfg(feature = "soak")]
pub mod soak;
pub mod tools;
pub mod xen;

use std::{
    ffi::OsStr,
    fs, io,
    marker::PhantomData,
    net::{SocketAddrV4, UdpSocket},
    panic,
    process::Command,
    thread,
};

use anyhow::{Context, Result};

use self::netlink::{Interface, Netlink};
pub use self::{
    grouped::grouped,
    namespace::prepare,
    network::{Network, cores_of, is_given},
    service::{
        LONGEST_REQUEST, NotServing, REPLY_WITHIN, Service, check_length, is_serving, request,
    },
};
pub use nix::sys::signal::Signal;

/// The namespace of this thread, set up. Sockets and processes that this thread makes are in it, and
/// so are those of the threads that it starts.
#[derive(Debug)]
pub struct Lab {
    network: Network,
    /// The namespace belongs to the thread.
    on_this_thread: PhantomData<*const ()>,
}

/// Calls `work` in a new network namespace with this network in it, and waits for it. The namespace
/// ends with `work`.
///
/// # Errors
/// What is missing on this machine, and what would help.
///
/// # Panics
/// If `work` panics.
pub fn in_namespace<T: Send>(network: Network, work: impl FnOnce(&Lab) -> T + Send) -> Result<T> {
    // The namespace is that of a thread, and there is no need of a way back: the thread ends.
    let here = || -> Result<T> {
        namespace::enter()?;
        network.set_up()?;
        Ok(work(&Lab { network, on_this_thread: PhantomData }))
    };
    thread::scope(|scope| scope.spawn(here).join())
        .unwrap_or_else(|panic| panic::resume_unwind(panic))
}

impl Lab {
    /// Its addresses.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// A UDP socket of the host that is connected to a port of the service.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn connect(&self, port: u16) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind((self.network.host, 0))?;
        socket.connect(SocketAddrV4::new(self.network.service, port))?;
        Ok(socket)
    }

    /// The command that runs the program of a service with `args` and, before them, the arguments that fit this
    /// network, as far as they are not among `args`. The kernel ends the process (with `SIGTERM`) if this thread
    /// ends before it does.
    pub fn command(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Command {
        let args: Vec<_> = args.into_iter().collect();
        let given: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        let mut command = self.client(program);
        command.args(self.network.arguments_beside(&given)).args(&args);
        command
    }

    /// The command that runs a program that is no service, without any arguments. It ends in the same
    /// way.
    pub fn client(&self, program: impl AsRef<OsStr>) -> Command {
        tools::with_us(program)
    }
}

/// Has Linux send nothing by itself but what IPv4 needs, so that the same requests are the same packets:
/// without an address of its own there is nothing to say over IPv6.
///
/// # Errors
/// Those of the operating system.
pub fn quiet(lab: &Lab) -> Result<()> {
    let tap = Interface::named(&lab.network().interface)?;
    Netlink::open()?.make_no_addresses(tap)
}

/// Has Linux put datagrams together however many fragments of others come in between: two cores may send side by side, and a core
/// that gets no time in the midst of a datagram is not one that loses it. Linux gives up after 64 (`ipfrag_max_dist` in its
/// ip-sysctl). It is of the network namespace of this thread.
///
/// # Errors
/// Those of the operating system.
pub fn take_any_disorder() -> Result<()> {
    fs::write("/proc/sys/net/ipv4/ipfrag_max_dist", "0").context("cannot set ipfrag_max_dist")
}
