//! The task that asks the servers, from a socket for each question.

use core::{
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    task::Poll,
    time::Duration,
};

use layer::{Instant, seed_for};
use rt_regions::{PAGE_SIZE, Region};
use tasks::{SpawnError, TaskRef, Tasks};
use udp::{Datagram, Socket, SocketError, Sockets};
use zerocopy::IntoBytes;

use crate::{
    Client, Clock, Servers,
    client::{Heard, Output, Sending},
};

layer::counters! {
    /// The counters of a client.
    pub struct Counters of "sntp" {
        /// Questions that were sent.
        questions,
        /// Answers that say the time.
        answers,
        /// Answers that say why there is none.
        kisses,
        /// Messages that are not the answer to a question, or say nothing that is believed.
        ignored,
        /// Questions that were lost: no port, no memory, or an ICMP error.
        lost,
        /// How often the clock was set.
        set,
    }
}

/// Keeps a clock by what servers say. It lies in the program's memory, and its task ends with the program.
pub struct Sntp {
    sockets: &'static Sockets,
    clock: &'static Clock,
    servers: Cell<Servers>,
    /// Whether the task does not know yet that the servers are others.
    is_changed: Cell<bool>,
    task: Cell<Option<TaskRef>>,
    counters: Cell<Counters>,
}

/// What the task waits for.
enum Event<'r> {
    Datagram(Datagram<'r>),
    /// The question to this server is lost.
    Lost(SocketAddr),
    /// Something is due, or the servers are others.
    Due,
}

/// The sockets of the questions whose answers are waited for, each with its server.
type Questions = [Option<(SocketAddr, Socket)>; Servers::MOST];

impl Sntp {
    /// Starts a task that asks `servers` from `sockets`, and sets `clock`. `seed` is a secret; other layers may share it.
    /// Without servers it waits until there are some.
    ///
    /// # Errors
    /// [`SpawnError`]: there is no memory for it.
    pub fn start(
        sockets: &'static Sockets,
        clock: &'static Clock,
        servers: Servers,
        seed: u128,
    ) -> Result<&'static Self, SpawnError> {
        let sntp: &'static Self = sockets.tasks().memory().alloc(Self {
            sockets,
            clock,
            servers: Cell::new(servers),
            is_changed: Cell::new(true),
            task: Cell::new(None),
            counters: Cell::new(Counters::default()),
        })?;
        let secret = seed_for(*b"sntp", seed);
        let task = sntp.tasks().spawn("sntp", async move |region| {
            sntp.run(secret, region).await;
            Ok(())
        })?;
        sntp.task.set(Some(task));
        Ok(sntp)
    }

    /// The clock that it keeps.
    pub fn clock(&self) -> &'static Clock {
        self.clock
    }

    /// The time since the beginning of 1970 (UTC) in this turn of the loop, if it is known: what an HTTP server makes its dates
    /// of (`http::Clock::new`).
    pub fn wall_time(&self) -> Option<Duration> {
        self.clock.read(self.now())
    }

    /// The servers.
    pub fn servers(&self) -> Servers {
        self.servers.get()
    }

    /// Asks these servers from now on: a lease of DHCP may name others. What is known of those that stay is kept.
    pub fn set_servers(&self, servers: Servers) {
        if self.servers.replace(servers) != servers {
            self.is_changed.set(true);
            if let Some(task) = self.task.get() {
                self.tasks().wake(task);
            }
        }
    }

    /// The counters.
    pub fn stats(&self) -> Counters {
        self.counters.get()
    }

    fn count(&self, count: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        count(&mut counters);
        self.counters.set(counters);
    }

    fn tasks(&self) -> &'static Tasks {
        self.sockets.tasks()
    }

    fn now(&self) -> Instant {
        self.tasks().now()
    }

    /// All of the task. It does not end.
    async fn run(&self, secret: u128, region: &Region<'static>) {
        let mut client = Client::new(secret);
        let mut questions: Questions = [const { None }; Servers::MOST];
        // An answer has 48 bytes, and little more.
        let mut room = region.child("sntp.answer").with_cap(PAGE_SIZE);
        loop {
            if self.is_changed.take() {
                client.set_servers(self.now(), &self.servers.get());
            }
            while let Some(output) = client.due(self.now()) {
                match output {
                    Output::Set(offset) => {
                        self.count(|counters| counters.set += 1);
                        self.clock.set(self.now(), offset);
                    }
                    Output::Send(sending) => {
                        // The earlier question to it is over.
                        close(&mut questions, |server| {
                            server == sending.server || !client.is_waiting(server)
                        });
                        let place = questions.iter_mut().find(|place| place.is_none());
                        match (self.send(sending).await, place) {
                            (Ok(socket), Some(place)) => *place = Some((sending.server, socket)),
                            _ => self.lose(&mut client, sending.server),
                        }
                    }
                }
            }
            // A port is closed with its question (RFC 9109 5).
            close(&mut questions, |server| !client.is_waiting(server));
            // A task that waits holds no page.
            room.release();
            match self.event(&questions, client.next_deadline(), &room).await {
                Event::Due => {}
                Event::Lost(server) => self.lose(&mut client, server),
                Event::Datagram(datagram) => {
                    let heard = client.input(self.now(), datagram.source(), datagram.payload());
                    self.count(|counters| match heard {
                        Ok(Heard::Time) => counters.answers += 1,
                        Ok(Heard::Kiss(_)) => counters.kisses += 1,
                        Err(_) => counters.ignored += 1,
                    });
                }
            }
        }
    }

    fn lose(&self, client: &mut Client, server: SocketAddr) {
        self.count(|counters| counters.lost += 1);
        client.fail(self.now(), server);
    }

    /// Sends a question from a port of its own.
    async fn send(&self, sending: Sending) -> Result<Socket, ()> {
        let socket = self.sockets.open_any().map_err(|_| ())?;
        let sent = socket.send_to(sending.server, sending.question.as_bytes()).await;
        self.count(|counters| counters.questions += 1);
        sent.map(|()| socket).map_err(|_| ())
    }

    /// Waits for what comes first.
    fn event<'r>(
        &self,
        questions: &Questions,
        deadline: Option<Instant>,
        room: &'r Region<'_>,
    ) -> impl Future<Output = Event<'r>> {
        poll_fn(move |context| {
            if self.is_changed.get() {
                return Poll::Ready(Event::Due);
            }
            for (server, socket) in questions.iter().flatten() {
                if let Poll::Ready(error) = pin!(socket.failure()).poll(context)
                    && is_final(error, *server)
                {
                    return Poll::Ready(Event::Lost(*server));
                }
                if let Poll::Ready(datagram) = pin!(socket.receive(room)).poll(context) {
                    return Poll::Ready(Event::Datagram(datagram));
                }
            }
            match deadline {
                Some(at) => pin!(self.tasks().sleep_until(at)).poll(context).map(|()| Event::Due),
                None => Poll::Pending,
            }
        })
    }
}

/// Closes the sockets of the questions to servers of which `is_over` says so.
fn close(questions: &mut Questions, is_over: impl Fn(SocketAddr) -> bool) {
    for place in questions {
        if place.as_ref().is_some_and(|(server, _)| is_over(*server)) {
            *place = None;
        }
    }
}

/// Whether a question to `server` is lost for good. Other errors may pass (RFC 1122 4.2.3.9), and those about other
/// destinations are forged.
fn is_final(error: SocketError, server: SocketAddr) -> bool {
    let (destination, is_hard) = match error {
        SocketError::Undelivered { problem, destination } => (destination, problem.is_hard()),
        SocketError::NotSent { destination, .. } => (destination, true),
        _ => return true,
    };
    is_hard && (destination.ip(), destination.port()) == (server.ip(), server.port())
}

impl fmt::Debug for Sntp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sntp").field("servers", &self.servers.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
