//! Clients: several requests in flight, each from a port of its own, and every reply compared.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        setsockopt,
        sockopt::{RcvBuf, RcvBufForce},
    },
};
use testkit::Random;
use tests::Reply;

use crate::{
    frames::{self, Ipv4},
    requests::{Request, Requests},
    site::Site,
    tally::Tally,
};

/// The most requests in flight.
const WINDOW: usize = 32;
/// The most frames that these are together: fewer than the queue of the service holds.
const FRAMES: usize = 200;
/// What a fragment carries: an MTU of 1500 without the header.
const FRAGMENT: usize = 1480;
/// How much a client's socket holds of what came and was not yet read, in bytes.
const BUFFER: usize = 4 << 20;

/// One frame in so many is lost on a bad network, and one in so many comes twice; all come in any order.
const LOST: usize = 50;
const TWICE: usize = 20;

/// A client: it has one request in flight.
#[derive(Debug)]
struct Client {
    socket: UdpSocket,
    port: u16,
    /// The last request, and the one before: a network may double either, and so its reply.
    asked: Option<(Instant, Request)>,
    before: Option<Reply>,
}

/// The clients of one service.
#[derive(Debug)]
pub(crate) struct Clients<'s> {
    site: &'s Site,
    requests: Requests,
    random: Random,
    clients: Vec<Client>,
    next_identification: u16,
    /// How long the replies to a window of requests may take.
    patience: Duration,
    /// Where replies are received.
    buffer: Vec<u8>,
}

impl<'s> Clients<'s> {
    /// The clients of the service `app` at `site`, who wait for `patience`.
    ///
    /// # Errors
    /// There is no such service.
    pub(crate) fn new(site: &'s Site, app: &str, seed: u64, patience: Duration) -> Result<Self> {
        let mut random = Random::new(!seed);
        Ok(Self {
            site,
            requests: Requests::of(app, seed)?,
            // Other numbers than those of the round before, some of which may still be waited for.
            next_identification: random.bits() as u16,
            random,
            clients: Vec::new(),
            patience,
            buffer: vec![0; 1 << 16],
        })
    }

    /// As many requests as there may be in flight, through the kernel, and their replies. All have to come.
    ///
    /// # Errors
    /// The sockets fail.
    pub(crate) fn ask(&mut self, tally: &mut Tally) -> Result<()> {
        let window = self.window();
        for (slot, request) in window.into_iter().enumerate() {
            let client = self.client(slot, request.port)?;
            let asked = Instant::now();
            client.socket.send(&request.bytes).context("cannot send a request")?;
            client.asked = Some((asked, request));
        }
        let asked = (0..self.clients.len()).filter(|&slot| self.clients[slot].asked.is_some());
        self.hear(asked.collect(), tally)?;
        Ok(())
    }

    /// Asks over a bad network, which loses, doubles and reorders frames. Replies have to come to those
    /// requests of which no frame was lost.
    ///
    /// # Errors
    /// The frames cannot be sent, or the sockets fail.
    pub(crate) fn ask_over_bad_network(&mut self, tally: &mut Tally) -> Result<()> {
        let window = self.window();
        let (mut all, mut whole) = (Vec::new(), Vec::new());
        for (slot, request) in window.into_iter().enumerate() {
            let pieces = self.frames(slot, &request)?;
            let mut is_whole = true;
            for piece in pieces {
                let doubled = self.random.once_in(TWICE);
                let copies = (0..1 + usize::from(doubled)).filter(|_| !self.random.once_in(LOST));
                let copies = copies.count();
                is_whole &= copies > 0;
                all.extend(std::iter::repeat_n(piece, copies));
            }
            self.clients[slot].asked = Some((Instant::now(), request));
            whole.push(is_whole);
        }
        self.random.shuffle(&mut all);
        self.site.send(&all)?;
        let (must, may): (Vec<_>, Vec<_>) = (0..whole.len()).partition(|&slot| whole[slot]);
        self.hear(must, tally)?;
        // What was cut is not answered, so it makes no sense to wait for it.
        for slot in may {
            tally.lost += 1;
            self.clients[slot].renew()?;
        }
        Ok(())
    }

    /// Takes the replies to what these clients have asked, in the order in which they come.
    fn hear(&mut self, mut slots: Vec<usize>, tally: &mut Tally) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        while !slots.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let fd =
                |slot: &usize| PollFd::new(self.clients[*slot].socket.as_fd(), PollFlags::POLLIN);
            let mut fds: Vec<_> = slots.iter().map(fd).collect();
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("cannot wait for replies"),
            }
            let ready: Vec<_> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
            let mut waiting = Vec::new();
            for (slot, ready) in slots.into_iter().zip(ready) {
                if !ready || !self.clients[slot].hear(&mut self.buffer, tally)? {
                    waiting.push(slot);
                }
            }
            slots = waiting;
            if left.is_zero() {
                break;
            }
        }
        slots.into_iter().try_for_each(|slot| self.clients[slot].give_up(tally))
    }

    /// The next requests, no more than can be in flight.
    fn window(&mut self) -> Vec<Request> {
        let (mut window, mut frames) = (Vec::new(), 0);
        while window.len() < WINDOW && frames < FRAMES - 50 {
            let request = self.requests.next();
            frames += 1 + request.bytes.len() / FRAGMENT;
            window.push(request);
        }
        window
    }

    /// The client number `slot`, connected to `port`.
    fn client(&mut self, slot: usize, port: u16) -> Result<&mut Client> {
        while self.clients.len() <= slot {
            self.clients.push(Client::connect(self.site, port)?);
        }
        let client = &mut self.clients[slot];
        if client.port != port {
            *client = Client::connect(self.site, port)?;
        }
        Ok(client)
    }

    /// The frames of a request from the client number `slot`.
    fn frames(&mut self, slot: usize, request: &Request) -> Result<Vec<Vec<u8>>> {
        let source = self.client(slot, request.port)?.socket.local_addr()?.port();
        let target = self.site.target();
        let (from, to) = ((target.host, source), (target.address, request.port));
        self.next_identification = self.next_identification.wrapping_add(1);
        let header = Ipv4 { identification: self.next_identification, ..target.ipv4(frames::UDP) };
        let packets = header.fragments(&frames::udp(from, to, &request.bytes), FRAGMENT);
        Ok(packets.iter().map(|packet| target.frame(packet)).collect())
    }
}

impl Client {
    fn connect(site: &Site, port: u16) -> Result<Self> {
        let socket = site.connect(port)?;
        prepare(&socket)?;
        Ok(Self { socket, port, asked: None, before: None })
    }

    /// Takes what has come; says whether it was the reply to what was asked.
    fn hear(&mut self, bytes: &mut [u8], tally: &mut Tally) -> Result<bool> {
        while let Some((asked, request)) = &self.asked {
            let length = match self.socket.recv(bytes) {
                Ok(length) => length,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock => return Ok(false),
                    _ => return Err(error).context("cannot receive a reply"),
                },
            };
            let (port, asked_bytes, came) = (request.port, request.bytes.len(), &bytes[..length]);
            if request.reply.is(came) {
                tally.right(asked.elapsed());
            } else if self.before.as_ref().is_some_and(|before| before.is(came)) {
                // Of a request that came twice.
                continue;
            } else {
                tally.wrong(format!(
                    "port {port}: {asked_bytes} bytes answered with {length} others"
                ));
            }
            self.before = self.asked.take().map(|(_, request)| request.reply);
        }
        Ok(true)
    }

    /// The reply did not come in time.
    fn give_up(&mut self, tally: &mut Tally) -> Result<()> {
        if let Some((_, request)) = &self.asked {
            let (port, length) = (request.port, request.bytes.len());
            tally.missing(format!("port {port}: {length} bytes were not answered"));
        }
        self.renew()
    }

    /// Takes another port: what still comes to the old one is for nobody.
    fn renew(&mut self) -> Result<()> {
        let (here, there) = (self.socket.local_addr()?.ip(), self.socket.peer_addr()?);
        let renewed = UdpSocket::bind((here, 0))?;
        renewed.connect(there)?;
        (self.asked, self.before) = (None, None);
        self.socket = renewed;
        prepare(&self.socket)
    }
}

/// A socket that is not waited at, with room for long replies.
fn prepare(socket: &UdpSocket) -> Result<()> {
    socket.set_nonblocking(true)?;
    // A reply in small pieces takes many times its size there. Who may not have so much has less.
    if setsockopt(socket, RcvBufForce, &BUFFER).is_err() {
        setsockopt(socket, RcvBuf, &BUFFER)?;
    }
    Ok(())
}
