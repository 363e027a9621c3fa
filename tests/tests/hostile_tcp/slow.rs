//! Clients that are slow on purpose ("slowloris"): with the head of a request, with its body, or in reading the response.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddrV4, TcpStream},
    os::fd::AsRawFd as _,
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lab::tools;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};

use super::bed::{LIMIT, Victim, ask_web, interface, source, with_web};

/// How many clients there are, and how many addresses they have.
const CLIENTS: usize = 10_000;
const SOURCES: u8 = 10;
/// What a client has room for that does not read, in bytes: as little as Linux allows.
const ROOM: usize = 1;
/// How long the service lets them (README of http): 10 seconds for a head; for a body or what is sent, a second more for each
/// KiB that comes.
const ENDED_WITHIN: Duration = Duration::from_secs(40);
/// The pages of so many slots of 107 bytes, which are never given back (README of tasks).
const SLOTS: u64 = CLIENTS as u64 * 107 / 4096 + 8;
/// How often they send another byte.
const DRIP: Duration = Duration::from_secs(3);

/// What a client does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Head,
    Body,
    Reader,
}

impl Kind {
    fn of(number: usize) -> Self {
        [Self::Head, Self::Body, Self::Reader, Self::Head][number % 4]
    }

    /// What it begins with.
    fn beginning(self) -> &'static [u8] {
        match self {
            Self::Head => b"GET /hello HTTP/1.1\r\nHost: a\r\nX: ",
            Self::Body => b"POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
            Self::Reader => b"GET /bytes/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n",
        }
    }
}

pub(crate) fn thousands_of_slow_clients_delay_nobody(cores: usize) {
    /// Whoever has the files of this process: each client takes one, and there are not enough for two tests at once.
    static FILES: Mutex<()> = Mutex::new(());
    let _files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let most = tests::raise_file_limit().expect("it may be as many as may be");
    let clients = CLIENTS.min((most as usize).saturating_sub(500));
    with_web(cores, &["--memory=256M"], |victim| {
        // All of them send at once: what the kernel's own queue has no room for would be lost before it is seen.
        let mut ip = tools::command("ip");
        succeed(ip.args(["link", "set", "dev", &interface(), "txqueuelen", &CLIENTS.to_string()]));
        for number in 0..SOURCES {
            let address = format!("{}/16", source(number));
            let mut ip = tools::command("ip");
            succeed(ip.args(["address", "add", &address, "dev", &interface()]));
        }
        let (_, to) = victim.place();
        ask_web(to);
        let before = victim.free();
        let ((ended, most_held), slowest) =
            victim.serve_while(ask_web, || attack(victim, to, clients, before));
        println!(
            "{clients} slow clients were cut off within {ended:.1?} and held {most_held} pages; the slowest answer: \
             {slowest:.1?}"
        );
        assert!(slowest < LIMIT, "a good client waited {slowest:?}");
        victim.assert_free(before - SLOTS * cores as u64, Duration::from_secs(20));
        let kept = before.saturating_sub(victim.free());
        println!("{kept} pages are kept, for the slots of so many tasks");
    });
}

/// Connects all of them and has them be slow until those that send are cut off. Those that do not read have a second for each
/// KiB that their kernels took, and go then. Returns how long that took, and the most pages held.
fn attack(victim: &Victim<'_>, to: SocketAddrV4, count: usize, before: u64) -> (Duration, u64) {
    let (_readers, mut clients): (Vec<_>, Vec<_>) = (0..count)
        .map(|number| {
            let kind = Kind::of(number);
            let stream = open(to, number, kind);
            (&stream).write_all(kind.beginning()).expect("there is room");
            stream.set_nonblocking(true).expect("it can be set");
            (kind, stream)
        })
        .partition(|(kind, _)| *kind == Kind::Reader);
    assert_eq!(victim.counter("tcp.no_room"), 0);
    let (start, mut most) = (Instant::now(), 0);
    while !clients.is_empty() {
        most = most.max(before.saturating_sub(victim.free()));
        let last = Instant::now();
        clients.retain_mut(|(_, stream)| !is_cut_off(stream));
        let left = clients.len();
        assert!(start.elapsed() < ENDED_WITHIN, "{left} slow clients are still connected");
        thread::sleep(DRIP.saturating_sub(last.elapsed()));
    }
    (start.elapsed(), most)
}

/// Sends one byte more; says whether the service has ended the connection.
fn is_cut_off(stream: &mut TcpStream) -> bool {
    if let Err(error) = stream.write(b"x")
        && error.kind() != ErrorKind::WouldBlock
    {
        return true;
    }
    // The end, or an answer with what is wrong, behind which it ends.
    let read = stream.read(&mut [0; 512]);
    read.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_length| true)
}

/// A connection from one of the addresses.
fn open(to: SocketAddrV4, number: usize, kind: Kind) -> TcpStream {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None).expect("a socket");
    if kind == Kind::Reader {
        setsockopt(&socket, sockopt::RcvBuf, &ROOM).expect("it can be set");
    }
    let from = SocketAddrV4::new(source((number % usize::from(SOURCES)) as u8), 0);
    bind(socket.as_raw_fd(), &SockaddrIn::from(from)).expect("it is an address of ours");
    connect(socket.as_raw_fd(), &SockaddrIn::from(to)).expect("there is room for it");
    TcpStream::from(socket)
}

fn succeed(command: &mut Command) {
    tools::succeed(command).unwrap_or_else(|error| panic!("{error:#}"));
}
