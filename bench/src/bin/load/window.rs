//! A window of outstanding requests.

use std::{
    hint,
    io::{IoSlice, IoSliceMut},
    net::UdpSocket,
    os::fd::{AsRawFd, RawFd},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bench::Content;
use hdrhistogram::Histogram;
use nix::{
    errno::Errno,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, recv, recvmmsg, recvmsg,
        sendmmsg, sendmsg, setsockopt, sockopt,
    },
};

/// A reply that takes longer is lost.
const LOST_AFTER: Duration = Duration::from_millis(250);
/// How long nothing may arrive before somebody looks whether a reply is lost.
const TICK: Duration = Duration::from_millis(10);
/// How long the first reply may take.
const GREET_WITHIN: Duration = Duration::from_secs(5);
/// What may wait in the socket, in bytes.
const WAITING: usize = 64 << 20;
/// The most requests that the kernel takes at once (`UDP_MAX_SEGMENTS`, `linux/udp.h`, of older kernels).
const MOST_TOGETHER: usize = 64;
/// The most bytes of them.
const LONGEST: usize = 65_507;

/// Requests to one service, as many outstanding as there are places.
pub(crate) struct Window {
    socket: UdpSocket,
    content: Content,
    /// Request `n` is in place `n % places.len()` until its reply has come.
    places: Vec<Option<Outstanding>>,
    /// The number of the next request.
    next: u64,
    /// One after the other.
    requests: Vec<u8>,
    replies: Vec<Vec<u8>>,
    sending: MultiHeaders<()>,
    receiving: MultiHeaders<()>,
    /// Where many requests or replies are together, if they are handed over so.
    together: Option<Vec<u8>>,
    counts: Counts,
}

#[derive(Clone, Copy)]
struct Outstanding {
    number: u64,
    sent: Instant,
}

/// What came of the requests.
#[derive(Clone)]
pub(crate) struct Counts {
    /// The time from each request to its reply, in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
    /// The requests whose reply never came.
    pub(crate) lost: u64,
}

impl Counts {
    fn new() -> Result<Self> {
        // Up to 10 s, to three digits.
        let latencies = Histogram::new_with_bounds(1, 10_000_000_000, 3)?;
        Ok(Self { latencies, lost: 0 })
    }
}

impl Window {
    /// With `segments`, many requests are handed to the kernel at once, and as many replies taken.
    pub(crate) fn new(
        socket: UdpSocket,
        size: usize,
        window: usize,
        segments: bool,
    ) -> Result<Self> {
        bench::set_buffers(&socket, WAITING).context("cannot set the buffers")?;
        if segments {
            setsockopt(&socket, sockopt::UdpGroSegment, &true)
                .context("the kernel knows no UDP_GRO")?;
        }
        Ok(Self {
            socket,
            content: Content::new(size),
            places: vec![None; window],
            next: 0,
            requests: vec![0; size * window],
            // One byte more, so that a reply which is too long is not taken for a good one.
            replies: vec![vec![0; size + 1]; window],
            sending: MultiHeaders::preallocate(window, None),
            receiving: MultiHeaders::preallocate(window, None),
            together: segments.then(|| vec![0; 65_536]),
            counts: Counts::new()?,
        })
    }

    /// Waits for the first reply. Requests may be lost until the neighbours have found each other.
    pub(crate) fn greet(&mut self) -> Result<()> {
        let deadline = Instant::now() + GREET_WITHIN;
        while self.counts.latencies.is_empty() {
            ensure!(Instant::now() < deadline, "no reply within {GREET_WITHIN:?}");
            self.send(1)?;
            self.receive()?;
        }
        Ok(())
    }

    /// Keeps the window full for so long.
    pub(crate) fn run(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        let mut now = Instant::now();
        while now < end {
            self.send(self.places.len())?;
            now = self.receive()?;
        }
        Ok(())
    }

    /// Counts from zero again.
    pub(crate) fn forget(&mut self) {
        self.counts.latencies.reset();
        self.counts.lost = 0;
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends as many requests as there are free places, but not more than `most`.
    fn send(&mut self, most: usize) -> Result<()> {
        let (now, size) = (Instant::now(), self.content.size());
        let mut count = 0;
        while count < most {
            let place = (self.next % self.places.len() as u64) as usize;
            if self.places[place].is_some() {
                break;
            }
            self.places[place] = Some(Outstanding { number: self.next, sent: now });
            let start = count * size;
            self.content.write(self.next, &mut self.requests[start..start + size]);
            self.next += 1;
            count += 1;
        }
        if self.together.is_some() {
            return self.send_together(count);
        }
        let mut first = 0;
        while first < count {
            let rest = &self.requests[first * size..count * size];
            let descriptor = self.descriptor();
            let messages: Vec<_> = rest.chunks(size).map(|bytes| [IoSlice::new(bytes)]).collect();
            let to = vec![None; messages.len()];
            let none: [ControlMessage<'_>; 0] = [];
            let flags = MsgFlags::empty();
            match sendmmsg(descriptor, &mut self.sending, &messages, to, none, flags) {
                Ok(sent) => first += sent.count(),
                // Lost, and noticed when its reply does not come.
                Err(Errno::ENOBUFS) => first += 1,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("cannot send"),
            }
        }
        Ok(())
    }

    /// Sends the first `count` requests, as many at once as the kernel takes.
    fn send_together(&mut self, count: usize) -> Result<()> {
        let (descriptor, size) = (self.descriptor(), self.content.size());
        let most = MOST_TOGETHER.min(LONGEST / size);
        for requests in self.requests[..count * size].chunks(most * size) {
            let requests = [IoSlice::new(requests)];
            let segment = [ControlMessage::UdpGsoSegments(&(size as u16))];
            loop {
                match sendmsg::<()>(descriptor, &requests, &segment, MsgFlags::empty(), None) {
                    Ok(_) | Err(Errno::ENOBUFS) => break,
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(errno).context("cannot send many at once"),
                }
            }
        }
        Ok(())
    }

    /// Takes the replies that are there: many, or one.
    fn receive_together(&mut self, mut bytes: Vec<u8>) -> Result<Instant> {
        let start = Instant::now();
        let mut now = start;
        let mut control = nix::cmsg_space!(i32);
        loop {
            let (descriptor, flags) = (self.descriptor(), MsgFlags::MSG_DONTWAIT);
            let mut room = [IoSliceMut::new(&mut bytes)];
            let (length, size) =
                match recvmsg::<()>(descriptor, &mut room, Some(&mut control), flags) {
                    Ok(message) => {
                        let size = message.cmsgs()?.find_map(|one| match one {
                            ControlMessageOwned::UdpGroSegments(size) => usize::try_from(size).ok(),
                            _ => None,
                        });
                        (message.bytes, size.unwrap_or(message.bytes))
                    }
                    Err(Errno::EAGAIN) if now == start && start.elapsed() < TICK => {
                        hint::spin_loop();
                        continue;
                    }
                    Err(Errno::EAGAIN | Errno::EINTR) => break,
                    Err(Errno::ECONNREFUSED) => bail!("connection refused: the port is not bound"),
                    Err(errno) => return Err(errno).context("cannot receive"),
                };
            now = Instant::now();
            for reply in bytes[..length].chunks(size.max(1)) {
                self.take(reply, now)?;
            }
        }
        if now == start {
            now = Instant::now();
            self.give_up(now);
        }
        self.together = Some(bytes);
        Ok(now)
    }

    /// Waits for a reply, takes those that are there, and returns the time.
    ///
    /// It has a core to itself and never sleeps: who is measured would pay for waking it.
    fn receive(&mut self) -> Result<Instant> {
        if let Some(bytes) = self.together.take() {
            return self.receive_together(bytes);
        }
        let (descriptor, flags) = (self.descriptor(), MsgFlags::MSG_DONTWAIT);
        let mut lengths = Vec::with_capacity(self.replies.len());
        let start = Instant::now();
        while lengths.is_empty() {
            match recv(descriptor, &mut self.replies[0], flags) {
                Ok(length) => lengths.push(length),
                Err(Errno::EAGAIN) if start.elapsed() < TICK => hint::spin_loop(),
                Err(Errno::EAGAIN | Errno::EINTR) => break,
                Err(Errno::ECONNREFUSED) => bail!("connection refused: the port is not bound"),
                Err(errno) => return Err(errno).context("cannot receive"),
            }
        }
        if !lengths.is_empty() && self.replies.len() > 1 {
            let rooms = self.replies[1..].iter_mut().map(|room| [IoSliceMut::new(room)]);
            let mut rooms: Vec<_> = rooms.collect();
            match recvmmsg(descriptor, &mut self.receiving, &mut rooms, flags, None) {
                Ok(replies) => lengths.extend(replies.map(|reply| reply.bytes)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("cannot receive"),
            }
        }
        let now = Instant::now();
        if lengths.is_empty() {
            self.give_up(now);
        }
        let replies = std::mem::take(&mut self.replies);
        for (reply, length) in replies.iter().zip(lengths) {
            self.take(&reply[..length], now)?;
        }
        self.replies = replies;
        Ok(now)
    }

    /// Checks a reply, and frees its place.
    fn take(&mut self, reply: &[u8], now: Instant) -> Result<()> {
        let length = reply.len();
        let Some(number) = self.content.number(reply) else {
            bail!("a reply of {length} bytes is none of our requests: the service is wrong");
        };
        let place = (number % self.places.len() as u64) as usize;
        match self.places[place] {
            Some(outstanding) if outstanding.number == number => {
                self.places[place] = None;
                let latency = now - outstanding.sent;
                self.counts.latencies.saturating_record(latency.as_nanos() as u64);
            }
            // It was given up already.
            _ if number < self.next => {}
            _ => bail!("a reply to request {number}, which was not sent yet"),
        }
        Ok(())
    }

    /// Frees the places of the requests whose reply is lost.
    fn give_up(&mut self, now: Instant) {
        for place in &mut self.places {
            if place.is_some_and(|outstanding| now - outstanding.sent > LOST_AFTER) {
                *place = None;
                self.counts.lost += 1;
            }
        }
    }
}
