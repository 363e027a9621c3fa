//! The services, and the good client.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::{
    Service,
    soak::{self, frames::Mac, site::Site},
};

use crate::{cores::program_for, site::with_site};

/// The pages that are kept for the next task and its connection, and those of a few more slots than there were before.
pub(crate) const KEPT: u64 = 3;
/// How long the good client may wait.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);
/// How often it asks.
const PAUSE: Duration = Duration::from_millis(50);
/// What it asks for, and what it gets.
const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const REPLY: &[u8] = b"\r\n\r\nhello, world\n";

/// A service that is attacked.
pub(crate) struct Victim<'v> {
    pub(crate) service: &'v Service<'v>,
    pub(crate) site: &'v Site,
}

/// Calls `test` with `web` on so many cores, which then has to end well.
pub(crate) fn with_web(cores: usize, args: &[&str], test: impl FnOnce(&Victim<'_>) + Send) {
    with_site(&program_for(cores, "web", &[]), cores, args, |service, site| {
        test(&Victim { service, site });
    });
}

/// Calls `test` with `echo --tcp` on so many cores, which then has to end well.
pub(crate) fn with_echo(cores: usize, test: impl FnOnce(&Victim<'_>) + Send) {
    let program = program_for(cores, "echo", &["tcp"]);
    with_site(&program, cores, &["--tcp"], |service, site| test(&Victim { service, site }));
}

/// The interface of the attackers.
pub(crate) fn interface() -> String {
    soak::place().interface
}

impl Victim<'_> {
    /// Where it is.
    pub(crate) fn place(&self) -> (Mac, SocketAddrV4) {
        let target = self.site.target();
        (target.mac, SocketAddrV4::new(target.address, target.port))
    }

    /// A counter of it.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let counters = self.site.counters().expect("it tells");
        *counters.get(name).unwrap_or_else(|| panic!("there is no counter {name}"))
    }

    /// How many of its pages are free.
    pub(crate) fn free(&self) -> u64 {
        self.site.memory().expect("it tells").of_cores().map(|memory| memory.free).sum()
    }

    /// How many its first core has.
    pub(crate) fn pages(&self) -> u64 {
        self.site.memory().expect("it tells").pages
    }

    /// Waits until as many pages are free again as before, but for those that are [`KEPT`] on each core.
    pub(crate) fn assert_free(&self, before: u64, within: Duration) {
        let (start, kept) = (Instant::now(), KEPT * self.site.cores() as u64);
        while self.free() + kept < before {
            let memory = self.site.memory().expect("it tells");
            assert!(start.elapsed() < within, "{before} pages were free: {memory:#?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// For how long it has computed (proc(5)).
    pub(crate) fn computed(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.service.id());
        let stat = fs::read_to_string(path).expect("it runs");
        let (_, fields) = stat.rsplit_once(") ").expect("a name comes first");
        let ticks =
            fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0));
        // A hundred in a second.
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Asks again and again while `attack` runs; returns what came of it, and how long the slowest answer took.
    pub(crate) fn serve_while<T>(
        &self,
        ask: impl Fn(SocketAddrV4) -> Duration + Sync,
        attack: impl FnOnce() -> T,
    ) -> (T, Duration) {
        let (over, (_, to)) = (AtomicBool::new(false), self.place());
        thread::scope(|scope| {
            let client = scope.spawn(|| {
                let mut slowest = Duration::ZERO;
                while !over.load(Ordering::Relaxed) {
                    slowest = slowest.max(ask(to));
                    thread::sleep(PAUSE);
                }
                slowest
            });
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack));
            over.store(true, Ordering::Relaxed);
            let slowest = client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), slowest)
        })
    }
}

/// Asks `web` for 13 bytes on a connection of its own; says how long it took.
pub(crate) fn ask_web(to: SocketAddrV4) -> Duration {
    let start = Instant::now();
    let reply = exchange(to, HELLO).expect("the good client is served");
    assert!(reply.ends_with(REPLY), "{:?}", String::from_utf8_lossy(&reply));
    start.elapsed()
}

/// A connection of the good client, who waits for long: how long is looked at.
pub(crate) fn connect(to: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::V4(to), 20 * LIMIT)?;
    stream.set_read_timeout(Some(20 * LIMIT))?;
    Ok(stream)
}

/// Sends a request, and reads until the connection ends.
pub(crate) fn exchange(to: SocketAddrV4, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(to)?;
    stream.write_all(request)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(reply)
}

/// The request for 13 bytes, after which the connection ends.
pub(crate) fn hello() -> (&'static [u8], &'static [u8]) {
    (HELLO, REPLY)
}

/// An address of the network of which nobody else has use.
pub(crate) const fn source(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 200, number)
}
