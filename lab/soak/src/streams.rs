//! TCP and HTTP: connections that ask, that are left in the middle of something and that are reset, and strangers who flood
//! them and guess their numbers.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, SocketAddrV4, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    libc,
    sys::socket::{setsockopt, sockopt},
};
use testkit::Random;

use crate::{
    STRANGERS,
    attacks::tcp::{Flow, syn_flood},
    rounds::{Round, RoundPlan},
    site::Site,
    tally::Tally,
};

/// What answers on the TCP port of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// It says what it hears.
    Echo,
    /// HTTP, with the paths of the service `web`.
    Web,
}

/// The longest text that an echo is sent at once: less than what is on its way holds.
const LONGEST: usize = 32 << 10;
/// How many frames of one sort come from strangers in a round.
const FRAMES: usize = 400;
/// How often something is asked in a round while they come.
const ASKED: usize = 8;
/// How many connections are there at once, for each core: more than fit into the pages that a table of them keeps.
const CROWD: usize = 64;
/// How long a connection may take to be gone after its end, on a busy machine too.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// Asks on the TCP port of the service at `site`, with nobody in the way and then while strangers attack, and adds what came
/// of it to `round`, with a look at what the regions hold then.
///
/// # Errors
/// Sockets fail; the service does not say what it holds.
pub fn run(site: &Site, streams: Streams, plan: &RoundPlan, round: &mut Round) -> Result<()> {
    let mut clients =
        Clients { site, streams, random: Random::new(plan.seed), patience: plan.pace.patience };
    let start = Instant::now();
    clients.crowd(&mut round.tcp)?;
    while start.elapsed() < plan.pace.quiet {
        clients.come_and_go(&mut round.tcp)?;
    }
    round.attack_frames += clients.attacked(&mut round.tcp)?;
    clients.wait_until_gone()?;
    site.settle()?;
    (round.packets, round.memory) = (site.packets()?, site.memory()?);
    Ok(())
}

struct Clients<'s> {
    site: &'s Site,
    streams: Streams,
    random: Random,
    patience: Duration,
}

impl Clients<'_> {
    fn server(&self) -> SocketAddrV4 {
        let target = self.site.target();
        SocketAddrV4::new(target.address, target.port)
    }

    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&SocketAddr::V4(self.server()), self.patience)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Many connections at once. When they are gone, as many pages are kept for the next ones as may be, which is a state that
    /// does not depend on what was before.
    fn crowd(&mut self, tally: &mut Tally) -> Result<()> {
        let count = CROWD * self.site.cores();
        let mut streams = (0..count).map(|_| self.connect()).collect::<Result<Vec<_>>>()?;
        streams.iter_mut().try_for_each(|stream| self.ask(stream, tally))
    }

    /// A connection on which something is asked a few times, one that is left in the middle, and one that is reset there.
    fn come_and_go(&mut self, tally: &mut Tally) -> Result<()> {
        let count = 1 + self.random.below(20);
        match self.connect() {
            Ok(mut stream) => (0..count).try_for_each(|_| self.ask(&mut stream, tally))?,
            Err(error) => tally.missing(format!("tcp: no connection: {error:#}")),
        }
        let Ok(mut left) = self.connect() else { return Ok(()) };
        left.write_all(b"GET /hel")?;
        drop(left);
        let Ok(mut reset) = self.connect() else { return Ok(()) };
        reset.write_all(b"GET /bytes/10000000 HTTP/1.1\r\nHost: a\r\n\r\n")?;
        reset.read_exact(&mut [0; 1])?;
        // Closed with data that is not read, and at once.
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&reset, sockopt::Linger, &linger)?;
        Ok(())
    }

    /// One question, and what came of it.
    fn ask(&mut self, stream: &mut TcpStream, tally: &mut Tally) -> Result<()> {
        let asked = Instant::now();
        let answered = match self.streams {
            Streams::Echo => self.ask_echo(stream),
            Streams::Web => self.ask_web(stream),
        };
        match answered {
            Ok(()) => tally.right(asked.elapsed()),
            Err(Wrong::Other(words)) => tally.wrong(words),
            Err(Wrong::Nothing(error)) => {
                tally.missing(format!("tcp: {error:#}"));
                *stream = self.connect().context("the service takes no connection")?;
            }
        }
        Ok(())
    }

    fn ask_echo(&mut self, stream: &mut TcpStream) -> Result<(), Wrong> {
        let length = self.random.below(LONGEST) + 1;
        let bytes = self.random.bytes(length);
        let mut heard = vec![0; length];
        stream.write_all(&bytes)?;
        stream.read_exact(&mut heard)?;
        if heard == bytes {
            Ok(())
        } else {
            Err(Wrong::Other(format!("tcp: other {length} bytes")))
        }
    }

    fn ask_web(&mut self, stream: &mut TcpStream) -> Result<(), Wrong> {
        let (request, expected): (Vec<u8>, Vec<u8>) = match self.random.below(4) {
            0 => (get("/hello"), b"hello, world\n".to_vec()),
            1 => {
                let number = "{\"n\": 90, \"fibonacci\": \"2880067194370816120\"}\n";
                (get("/fib/90"), number.into())
            }
            2 => {
                let count = self.random.below(100_000);
                (get(&format!("/bytes/{count}")), (0..count).map(|at| at as u8).collect())
            }
            _ => {
                let body = "[3, -1.5, 2e6]";
                let length = body.len();
                let head =
                    format!("POST /sort HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
                ((head + body).into(), b"[-1.5,3,2e6]\n".to_vec())
            }
        };
        stream.write_all(&request)?;
        let body = read_response(stream)?;
        let said = || String::from_utf8_lossy(&request[..request.len().min(40)]).into_owned();
        if body == expected { Ok(()) } else { Err(Wrong::Other(format!("tcp: {}", said()))) }
    }

    /// Asks on a connection while strangers flood the port, and send in the name of its client. Returns how many frames
    /// these were.
    fn attacked(&mut self, tally: &mut Tally) -> Result<u64> {
        let mut stream = self.connect()?;
        let SocketAddr::V4(peer) = stream.local_addr()? else { bail!("this is IPv4") };
        let target = *self.site.target();
        let victim = self.server();
        let flow = Flow { victim_mac: target.mac, victim, peer, mac: target.host_mac };
        let (first, step) = (self.random.bits() as u32, u32::MAX / FRAMES as u32);
        let mut frames = syn_flood(&target, target.port, STRANGERS, &mut self.random);
        // A reset with the right number would end it, as it should.
        frames.extend(flow.syns(first, step, FRAMES));
        frames.extend(flow.data(first, step, FRAMES, first, b"evil"));
        frames.extend(flow.acknowledgments(first, first, step, FRAMES));
        self.random.shuffle(&mut frames);
        let count = frames.len() as u64;
        for batch in frames.chunks(frames.len().div_ceil(ASKED)) {
            self.site.send(batch)?;
            self.ask(&mut stream, tally)?;
        }
        let others = tally.missing;
        self.ask(&mut stream, tally)?;
        ensure!(tally.missing == others, "tcp: the connection did not survive an attack");
        Ok(count)
    }

    /// Waits until no connection is left. One whose client is gone without having read is there until something is sent to it
    /// again, after a retransmission timeout, and its host says so.
    fn wait_until_gone(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let left = self.site.connections()?;
            if left.is_empty() {
                return Ok(());
            }
            ensure!(start.elapsed() < GONE_WITHIN, "tcp: left behind: {}", left.join("; "));
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Why a question was not answered as it should be.
enum Wrong {
    Other(String),
    Nothing(anyhow::Error),
}

impl From<std::io::Error> for Wrong {
    fn from(error: std::io::Error) -> Self {
        Self::Nothing(error.into())
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into()
}

/// The body of a response of known length.
fn read_response(stream: &mut TcpStream) -> Result<Vec<u8>, Wrong> {
    let mut response = Vec::new();
    let head = loop {
        if let Some(at) = response.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            return Err(Wrong::Nothing(anyhow::anyhow!("the connection has ended")));
        }
        response.extend_from_slice(&bytes[..length]);
    };
    let text = String::from_utf8_lossy(&response[..head]).into_owned();
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let Some(length) = length.filter(|_| text.starts_with("HTTP/1.1 200 ")) else {
        return Err(Wrong::Other(format!("tcp: {text}")));
    };
    let mut body = response.split_off(head);
    let came = body.len().min(length);
    body.resize(length, 0);
    stream.read_exact(&mut body[came..])?;
    Ok(body)
}
