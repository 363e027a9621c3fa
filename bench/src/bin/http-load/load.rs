//! Many connections at once.

use std::{
    net::SocketAddrV4,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
    },
    fd::OwnedFd,
};

use crate::{
    Mode,
    connection::{Connection, Request, Step},
};

/// How long the first reply may take, the start of the service included.
const GREET_WITHIN: Duration = Duration::from_secs(5);
/// How long any other reply may take.
const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// How long it sleeps at once, if it does.
const NAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
/// How many bytes are read at once.
const PIECE: usize = 1 << 18;
/// How many events are taken at once.
const EVENTS: usize = 256;
/// How many idle connections are opened at once: no more than a service has room for in its backlog.
const OPENED: usize = 64;

/// What came of the requests.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    /// The time from each request to its reply, in nanoseconds, the handshake included where there is one for each.
    pub(crate) latencies: Histogram<u64>,
    /// The bytes of bodies, both ways.
    pub(crate) bytes: u64,
    /// The connections that failed.
    pub(crate) failed: u64,
}

/// Connections to one service.
pub(crate) struct Load {
    to: SocketAddrV4,
    mode: Mode,
    /// What is asked, one after the other, and again.
    requests: Vec<Request>,
    places: Vec<Place>,
    epoll: OwnedFd,
    counts: Counts,
    room: Vec<u8>,
}

struct Place {
    connection: Connection,
    /// The number of the request.
    request: usize,
    since: Instant,
    /// What is waited for.
    waits: EventFlags,
    /// Whether the reply has come, and the connection has to end: the service ends it, so that it is the service's host
    /// that remembers it for a while.
    ends: bool,
}

impl Load {
    /// Opens the connections, after a first one whose replies are what all others are compared with.
    ///
    /// # Errors
    /// There is no reply.
    pub(crate) fn new(
        to: SocketAddrV4,
        mode: Mode,
        path: &str,
        body: u64,
        connections: u64,
    ) -> Result<Self> {
        let field = if mode == Mode::Close { "Connection: close\r\n" } else { "" };
        let get = |path: &str| {
            let head = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n{field}\r\n").into_bytes();
            Request { head, body: 0, reply: None }
        };
        let mut requests = match mode {
            Mode::KeepAlive | Mode::Close => vec![get(path)],
            Mode::Post => {
                let head =
                    format!("POST {path} HTTP/1.1\r\nHost: {to}\r\nContent-Length: {body}\r\n\r\n");
                vec![Request { head: head.into_bytes(), body, reply: None }, get("/hello")]
            }
        };
        let mut room = vec![0; PIECE];
        greet(to, &mut requests, &mut room)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // Up to 10 s, to three digits.
        let latencies = Histogram::new_with_bounds(1, 10_000_000_000, 3)?;
        let counts = Counts { latencies, bytes: 0, failed: 0 };
        let mut load = Self { to, mode, requests, places: Vec::new(), epoll, counts, room };
        for number in 0..connections as usize {
            let place = load.open(number)?;
            load.places.push(place);
        }
        Ok(load)
    }

    /// Asks for so long; `sleeps` says whether it sleeps while there is nothing to do.
    ///
    /// # Errors
    /// A reply is wrong or does not come.
    pub(crate) fn run(&mut self, time: Duration, sleeps: bool) -> Result<()> {
        let end = Instant::now() + time;
        let mut events = Vec::with_capacity(EVENTS);
        let mut looked = Instant::now();
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let patience = if sleeps { NAP } else { Timespec::default() };
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            for event in events.drain(..) {
                self.go_on(event.data.u64() as usize)?;
            }
            if now - looked > REPLY_WITHIN / 10 {
                looked = now;
                let late = self.places.iter().filter(|place| now - place.since > REPLY_WITHIN);
                let late = late.count();
                ensure!(late == 0, "{late} replies take longer than {REPLY_WITHIN:?}");
            }
        }
    }

    /// Counts from zero again.
    pub(crate) fn forget(&mut self) {
        self.counts.latencies.reset();
        (self.counts.bytes, self.counts.failed) = (0, 0);
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Does what can be done at this place.
    fn go_on(&mut self, number: usize) -> Result<()> {
        loop {
            let place = &mut self.places[number];
            if place.ends {
                match place.connection.is_over() {
                    Ok(false) => return Ok(()),
                    Ok(true) => {}
                    Err(_) => self.counts.failed += 1,
                }
                self.places[number] = self.open(number)?;
                return Ok(());
            }
            let request = &self.requests[place.request];
            let step = match place.connection.go_on(request, &mut self.room) {
                Ok(step) => step,
                // A service that is full may refuse one.
                Err(_) if self.mode == Mode::Close => {
                    self.counts.failed += 1;
                    self.places[number] = self.open(number)?;
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let waits = match step {
                Step::ToSend => EventFlags::OUT,
                Step::ToReceive => EventFlags::IN,
                Step::Done => {
                    self.done(number);
                    continue;
                }
            };
            if waits != place.waits {
                let data = EventData::new_u64(number as u64);
                epoll::modify(&self.epoll, &place.connection.stream, data, waits)?;
                place.waits = waits;
            }
            return Ok(());
        }
    }

    /// A reply has come; the next request begins.
    fn done(&mut self, number: usize) {
        let place = &mut self.places[number];
        let request = &self.requests[place.request];
        let length = request.reply.as_ref().map_or(0, |reply| reply.length);
        self.counts.bytes += request.body + length;
        place.request = (place.request + 1) % self.requests.len();
        if place.request == 0 {
            let now = Instant::now();
            self.counts.latencies.saturating_record((now - place.since).as_nanos() as u64);
            place.since = now;
        }
        place.connection.again();
        place.ends = self.mode == Mode::Close;
    }

    /// Another connection for this place.
    fn open(&self, number: usize) -> Result<Place> {
        let since = Instant::now();
        let connection = Connection::open(self.to).context("cannot connect")?;
        let (data, waits) = (EventData::new_u64(number as u64), EventFlags::OUT);
        epoll::add(&self.epoll, &connection.stream, data, waits)?;
        Ok(Place { connection, request: 0, since, waits, ends: false })
    }
}

/// Waits for the first replies, and keeps them.
fn greet(to: SocketAddrV4, requests: &mut [Request], room: &mut [u8]) -> Result<()> {
    let deadline = Instant::now() + GREET_WITHIN;
    for request in requests {
        // It may not have begun to listen, or the neighbours may not have found each other.
        let reply = loop {
            match ask(to, request, room, deadline) {
                Ok(connection) => break connection.reply(),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        };
        request.reply = Some(reply);
    }
    Ok(())
}

/// One request on a connection of its own, which is left open.
fn ask(
    to: SocketAddrV4,
    request: &Request,
    room: &mut [u8],
    deadline: Instant,
) -> Result<Connection> {
    let mut connection = Connection::open(to).context("cannot connect")?;
    while connection.go_on(request, room)? != Step::Done {
        ensure!(Instant::now() < deadline, "no reply within {GREET_WITHIN:?}");
        thread::sleep(Duration::from_micros(50));
    }
    Ok(connection)
}

/// So many connections, each of which has had one reply.
///
/// # Errors
/// One has none.
pub(crate) fn idle(to: SocketAddrV4, path: &str, count: u64) -> Result<Vec<Connection>> {
    let mut room = vec![0; PIECE];
    let head = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n\r\n").into_bytes();
    let mut requests = [Request { head, body: 0, reply: None }];
    let mut kept = Vec::new();
    if count > 0 {
        greet(to, &mut requests, &mut room)?;
    }
    let [request] = requests;
    while kept.len() < count as usize {
        let missing = (count as usize - kept.len()).min(OPENED);
        let mut opened: Vec<_> =
            (0..missing).map(|_| Connection::open(to)).collect::<Result<_, _>>()?;
        let deadline = Instant::now() + REPLY_WITHIN;
        while !opened.is_empty() {
            ensure!(Instant::now() < deadline, "connection {} has no reply", kept.len());
            let mut left = Vec::new();
            for mut connection in opened {
                match connection.go_on(&request, &mut room)? {
                    Step::Done => kept.push(connection),
                    Step::ToSend | Step::ToReceive => left.push(connection),
                }
            }
            opened = left;
        }
    }
    Ok(kept)
}
