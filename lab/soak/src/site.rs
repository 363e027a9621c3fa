//! A service and its network, as they are attacked and asked: only addresses and an interface, so it
//! does not matter where the service runs.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, UdpSocket},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use testkit::Random;

use crate::{
    STRANGERS,
    attacks::{Attack, Moved, Target},
    cores::{Cores, Reports},
    frames::{Ipv4, MORE, Mac, UDP},
    listing::{Listing, Memory},
    wire::Wire,
};

/// How many datagrams that were refused for overlaps the service remembers (README of ipv4), so that what
/// follows of them is refused too.
const REFUSED: usize = 16;

/// The most datagrams that wait for fragments at once (`ipv4::reassembly::Limits`).
const REASSEMBLIES: usize = 256;
/// How many frames are sent before the service is waited for: fewer than its queue holds.
const BATCH: usize = 200;
/// How long the good client waits before it asks again.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);
/// What the good client asks: nothing, a little, a full frame, fragments, many fragments.
const GOOD_REQUESTS: [usize; 6] = [0, 5, 1472, 1473, 8192, 60_000];

/// What a line about a TCP connection begins with.
pub(crate) const CONNECTION: &str = "connection ";

/// What the counters begin with of what each core hears (README of hub and of share): neighbours, and errors of ICMP.
const HEARD_BY_ALL: [&str; 5] =
    ["arp.", "ndp.", "icmp.unwanted_errors", "udp.icmp_errors", "udp.paths_unconfirmed"];

/// Where a service is, and where it is reached from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The interface of the host that leads to it.
    pub interface: String,
    /// The address of the host there.
    pub host: Ipv4Addr,
    /// The hardware address of the service.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// The length of the prefix of their network, 16 at most.
    pub prefix: u8,
    /// The UDP port of a service that replies with what it was sent.
    pub port: u16,
    /// The UDP port with its counters.
    pub stats_port: u16,
}

/// A running service at a place.
#[derive(Debug)]
pub struct Site {
    target: Target,
    wire: Wire,
    listing: Listing,
    /// If the service has several cores.
    cores: Option<Cores>,
}

/// The number of the next datagram that is begun to fill the table of reassembly: those of the site that
/// was here before may still be in it.
static NEXT_FILLER: AtomicU16 = AtomicU16::new(0);

/// What a service counted and held.
pub type Counters = BTreeMap<String, u64>;

impl Site {
    /// Goes to `place`, in the network namespace of this thread.
    ///
    /// # Errors
    /// The interface is not there, or frames cannot be sent.
    pub fn open(place: &Place) -> Result<Self> {
        let wire = Wire::open(&place.interface)?;
        let &Place { mac, address, prefix, port, host, .. } = place;
        let target = Target { mac, address, prefix, port, host_mac: wire.mac(), host };
        let listing = Listing::new(connect(&target, place.stats_port)?)?;
        Ok(Self { target, wire, listing, cores: None })
    }

    /// Goes to `place`, where a service with `count` cores is, which `reports` asks for what all of them count and hold.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); the service does not answer or report, or one of its cores is never reached.
    pub fn open_with_cores(place: &Place, count: usize, reports: Box<dyn Reports>) -> Result<Self> {
        let site = Self::open(place)?;
        let cores = Cores::find(count, reports, &site.listing.socket())?;
        Ok(Self { cores: Some(cores), ..site })
    }

    /// How many cores the service has.
    pub fn cores(&self) -> usize {
        self.cores.as_ref().map_or(1, Cores::count)
    }

    /// The addresses.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The way in for frames.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// A UDP socket of the host that is connected to `port` of the service.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn connect(&self, port: u16) -> Result<UdpSocket> {
        connect(&self.target, port)
    }

    /// The counters, of all cores together.
    ///
    /// # Errors
    /// The service does not tell.
    pub fn counters(&self) -> Result<Counters> {
        let counters = self.listing.counters()?;
        let Some(cores) = &self.cores else { return Ok(counters) };
        // A report leaves out those that are zero.
        let sums = cores.counters()?;
        let sum = |name: String| {
            let sum = sums.get(&name).copied().unwrap_or(0);
            (name, sum)
        };
        Ok(counters.into_keys().map(sum).collect())
    }

    /// What the regions hold.
    ///
    /// # Errors
    /// The service does not tell.
    pub fn memory(&self) -> Result<Memory> {
        self.cores.as_ref().map_or_else(|| self.listing.memory(), Cores::memory)
    }

    /// The lines about the TCP connections that there are, of all cores.
    ///
    /// # Errors
    /// The service does not tell.
    pub fn connections(&self) -> Result<Vec<String>> {
        match &self.cores {
            Some(cores) => cores.connections(),
            None => Ok(self.listing.lines(CONNECTION)?.lines().map(str::to_owned).collect()),
        }
    }

    /// How many frames the service has received.
    ///
    /// # Errors
    /// The service does not tell.
    pub fn packets(&self) -> Result<u64> {
        const FRAMES: &str = "ethernet.frames_rx";
        match &self.cores {
            Some(cores) => Ok(cores.counters()?.get(FRAMES).copied().unwrap_or(0)),
            None => self.listing.counter(FRAMES),
        }
    }

    /// Waits until the service has taken all frames that were sent.
    ///
    /// # Errors
    /// It does not answer.
    pub fn wait(&self) -> Result<()> {
        match &self.cores {
            Some(cores) => cores.wait(),
            None => self.listing.wait(),
        }
    }

    /// Sends frames, no faster than the service takes them, so that none is lost in its queue.
    ///
    /// # Errors
    /// They cannot be sent, or the service does not answer.
    pub fn send<'f>(&self, frames: impl IntoIterator<Item = &'f Vec<u8>>) -> Result<()> {
        let batch = self.batch();
        for (number, frame) in frames.into_iter().enumerate() {
            if number % batch == batch - 1 {
                self.wait()?;
            }
            self.wire.send(frame)?;
        }
        self.wait()
    }

    /// Attacks, and says what the service counted otherwise than it should.
    ///
    /// # Errors
    /// The frames cannot be sent, or the service does not answer.
    pub fn attack(&self, attack: &Attack, seed: u64) -> Result<Vec<String>> {
        let &Attack { name, frames, counters, burst } = attack;
        self.strike(name, &frames(&self.target, &mut Random::new(seed)), counters, burst)
    }

    /// Sends the frames of an attack with this name, and says what the service counted otherwise than `moved` says. In a `burst` they
    /// come as fast as they can.
    ///
    /// # Errors
    /// The frames cannot be sent, or the service does not answer.
    pub fn strike(
        &self,
        name: &str,
        frames: &[Vec<u8>],
        moved: &[(&str, Moved)],
        burst: bool,
    ) -> Result<Vec<String>> {
        let (before, asked) = (self.counters()?, self.asked());
        if burst {
            for frame in frames {
                // Where the queue is full it is lost, which is the point.
                self.wire.try_send(frame)?;
            }
        } else {
            for batch in frames.chunks(self.batch()) {
                batch.iter().try_for_each(|frame| self.wire.send(frame))?;
                self.wait()?;
            }
        }
        let (after, asked) = (self.counters()?, self.asked().saturating_sub(asked));
        let count = frames.len() as u64;
        let complain = |(counter, moved): &(&str, Moved)| {
            let value = |counters: &Counters| counters.get(*counter).copied();
            let Some((before, after)) = value(&before).zip(value(&after)) else {
                return Some(format!("{name}: there is no counter {counter}"));
            };
            // What was asked meanwhile is none of the attack.
            let ours = if *counter == "udp.datagrams_rx" { asked } else { 0 };
            let by = (after - before).saturating_sub(ours) / self.counted_by(counter);
            let complaint =
                || format!("{name}: {count} frames moved {counter} by {by}, not {moved:?}");
            (!moved.holds(count, by)).then(complaint)
        };
        Ok(moved.iter().filter_map(complain).collect())
    }

    /// How many questions were asked at the port of the counters, the one that is answered by these.
    fn asked(&self) -> u64 {
        self.listing.asked() + self.cores.as_ref().map_or(0, Cores::asked)
    }

    /// How many frames are sent before the service is waited for. All of them may be passed from one core to another, whose ring
    /// holds fewer long ones than a queue.
    fn batch(&self) -> usize {
        BATCH / self.cores()
    }

    /// How many cores count what one frame does: all of them, if all hear it. What waits for a neighbour waits at the core that
    /// sends it.
    fn counted_by(&self, counter: &str) -> u64 {
        let is_heard_by_all = HEARD_BY_ALL.iter().any(|beginning| counter.starts_with(beginning))
            && !counter.ends_with(".overflowed");
        if is_heard_by_all { self.cores() as u64 } else { 1 }
    }

    /// Brings the memory into a state that does not depend on what was sent before: what waits for
    /// strangers is let go, and the table of reassembly, where the oldest gives way, is filled with
    /// small pieces of this host. It takes no time, where waiting for timeouts would take 30 s.
    ///
    /// # Errors
    /// The frames cannot be sent, or the service does not answer.
    pub fn settle(&self) -> Result<()> {
        self.send(&self.answers())?;
        // Not the first piece, so that nobody is told when its time is over.
        let piece = |identification, length: usize| {
            let header = Ipv4 {
                identification,
                flags_offset: MORE | 1,
                ..Ipv4::new(self.target.stranger(59_999), self.target.address, UDP)
            };
            self.target.frame(&header.packet(&vec![0; length]))
        };
        let next = |_| NEXT_FILLER.fetch_add(1, Ordering::Relaxed);
        // Two pieces that overlap: what is remembered of refused datagrams is of these now.
        // Each core puts together the datagrams that it owns by their numbers: about as many as another one.
        let share = match self.cores() {
            1 => 1,
            cores => 2 * cores,
        };
        let overlaps = (0..REFUSED * share).map(next).flat_map(|id| [piece(id, 8), piece(id, 16)]);
        self.send(&overlaps.collect::<Vec<_>>())?;
        self.send(&(0..REASSEMBLIES * share).map(next).map(|id| piece(id, 8)).collect::<Vec<_>>())
    }

    /// The frames in which all strangers say where they are.
    fn answers(&self) -> Vec<Vec<u8>> {
        (0..STRANGERS).map(|number| self.target.answer_of_stranger(number)).collect()
    }

    /// Asks as a client does who means well, and checks the replies; says how long the slowest took.
    ///
    /// A client asks again, twice at most, if it hears nothing: who sends fragments in its name can hold up to
    /// 256 of the 65,536 numbers that one of its datagrams may have (RFC 4963).
    ///
    /// # Errors
    /// A reply is wrong or does not come.
    pub fn serve_good_client(&self, seed: u64) -> Result<Duration> {
        let mut random = Random::new(seed);
        let mut slowest = Duration::ZERO;
        for size in GOOD_REQUESTS {
            let request = random.bytes(size);
            let asked = Instant::now();
            let mut reply = vec![0; 1 << 16];
            // A socket for each try: a late reply cannot be taken for another, and its numbers begin
            // anywhere. Those of one socket follow each other, so that all tries would be held at once.
            let mut ask = || -> Result<usize> {
                let socket = self.connect(self.target.port)?;
                socket.set_read_timeout(Some(REPLY_TIMEOUT))?;
                socket.send(&request).context("the good client cannot send")?;
                Ok(socket.recv(&mut reply)?)
            };
            let length = ask()
                .or_else(|_| ask())
                .or_else(|_| ask())
                .with_context(|| format!("the good client has no reply to {size} bytes"))?;
            ensure!(
                reply[..length] == request,
                "the good client has a wrong reply to {size} bytes"
            );
            slowest = slowest.max(asked.elapsed());
        }
        Ok(slowest)
    }
}

fn connect(target: &Target, port: u16) -> Result<UdpSocket> {
    let open = || {
        let socket = UdpSocket::bind((target.host, 0))?;
        socket.connect((target.address, port))?;
        Ok::<_, std::io::Error>(socket)
    };
    open().context("cannot open a UDP socket")
}
