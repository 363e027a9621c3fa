//! A script for one connection without a network: what comes and when, what the application does, and exactly what is sent.

use std::time::Duration;

use layer::Instant;
use network::Problem;
use rt_regions::Slabs;
use tcp::{Connection, Events, Flags, Handshake, Local, Seq, State};
use testkit::with_pool;

use crate::text::{Origin, Owned};

/// Our side: its numbers pass 2^32 soon, and its timestamps 2^31.
pub(crate) const OURS: Origin =
    Origin { seq: Seq(u32::MAX - 100), clock: 0x8000_0000 - 1_100, salt: 0 };

/// The peer's side: its numbers pass 2^31 soon.
pub(crate) const PEER: Origin =
    Origin { seq: Seq(0x8000_0000 - 150), clock: 0xffff_ff00, salt: 0x55 };

/// How many bytes are buffered to be sent, and of what is received: a window of 12,288 bytes.
pub(crate) const LIMIT: u32 = 16 << 10;

/// What is ours in the connections of most scripts.
pub(crate) fn local() -> Local {
    Local {
        iss: OURS.seq,
        ts_offset: OURS.clock,
        path_mss: 1460,
        send_limit: LIMIT,
        receive_limit: LIMIT,
    }
}

/// A segment that was sent, and when.
#[derive(Debug)]
struct Sent {
    at: Instant,
    segment: Owned,
}

/// A connection and its peer, whom the test plays.
pub(crate) struct Script<'p> {
    pub(crate) tcp: Connection<'p>,
    /// Where its data is kept.
    buffers: Option<&'p Slabs<'p>>,
    now: Instant,
    /// What happened for the application since it was asked last.
    events: Events,
    sent: Vec<Sent>,
    /// The numbers of the next bytes that the application sends and receives.
    next_write: u32,
    next_read: u32,
    /// The window of the peer's segments that say none.
    pub(crate) window: u16,
    /// The most bytes in a segment that is cut below.
    pub(crate) most: usize,
    pub(crate) peer: Origin,
    has_timestamps: bool,
    /// Whether it is not known if there are timestamps.
    is_any: bool,
}

/// The moment at which scripts begin: 1,000 ms.
pub(crate) const BEGIN: Instant = Instant::from_millis(1_000);

/// Runs a script with a connection that we open: its SYN is not sent yet.
pub(crate) fn connect(test: impl FnOnce(&mut Script<'_>)) {
    connect_with(&local(), test);
}

/// Runs a script with a connection that we open and of which this is ours.
pub(crate) fn connect_with(local: &Local, test: impl FnOnce(&mut Script<'_>)) {
    run(|buffers| Script::new(Connection::connect(BEGIN, local, buffers)), test);
}

/// Runs a script with an established connection that the peer has opened, with an MSS of 1,000 bytes and a window of
/// 10,000, without other options.
pub(crate) fn established(test: impl FnOnce(&mut Script<'_>)) {
    accepted("S 0 <mss 1000>", test);
}

/// Runs a script with an established connection of a peer with all options: an MSS of 1,012 bytes with those of each
/// segment.
pub(crate) fn established_with_options(test: impl FnOnce(&mut Script<'_>)) {
    accepted("S 0 <mss 1012,sackOK,TS 10 0,wscale 0>", test);
}

/// Runs a script with an established connection that the peer has opened with this SYN.
pub(crate) fn accepted(syn: &str, test: impl FnOnce(&mut Script<'_>)) {
    accepted_with(&local(), syn, test);
}

/// Runs a script with an established connection of which this is ours, and which the peer has opened with this SYN.
pub(crate) fn accepted_with(local: &Local, syn: &str, test: impl FnOnce(&mut Script<'_>)) {
    let syn = Owned::read(syn, PEER, OURS, 10_000);
    let handshake = Handshake {
        irs: syn.seq,
        options: syn.options,
        rtt: Some(Duration::from_millis(10)),
        was_lost: false,
    };
    let mut ack = ". 1 ack 1".to_owned();
    if syn.options.timestamps.is_some() {
        ack += " <TS 11 1000>";
    }
    run(
        |buffers| {
            let first = Owned::read(&ack, PEER, OURS, 10_000);
            let tcp = Connection::accept(BEGIN, local, &handshake, &first.segment(), buffers);
            let mut script = Script::new(tcp);
            script.recv(&ack);
            script.has_timestamps = syn.options.timestamps.is_some();
            script
        },
        test,
    );
}

fn run<'t>(
    begin: impl for<'p> FnOnce(&'p Slabs<'p>) -> Script<'p> + 't,
    test: impl FnOnce(&mut Script<'_>),
) {
    with_pool(64, |pool| {
        let buffers = Slabs::new(pool, "tcp.buffers");
        let mut script = begin(&buffers);
        script.buffers = Some(&buffers);
        test(&mut script);
        script.silent();
    });
}

impl<'p> Script<'p> {
    fn new(tcp: Connection<'p>) -> Self {
        Self {
            tcp,
            buffers: None,
            now: BEGIN,
            events: Events::default(),
            sent: Vec::new(),
            next_write: 1,
            next_read: 1,
            window: 10_000,
            most: 0,
            peer: PEER,
            has_timestamps: false,
            is_any: false,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// How many milliseconds have passed since the script began.
    pub(crate) fn elapsed(&self) -> u64 {
        self.now.since(BEGIN).as_millis() as u64
    }

    /// How many pages its data takes.
    pub(crate) fn pages(&self) -> usize {
        self.buffers.map_or(0, |buffers| buffers.pages())
    }

    pub(crate) fn state(&self) -> State {
        self.tcp.state()
    }

    /// The peer's segment comes. What it causes is sent later.
    pub(crate) fn recv(&mut self, text: &str) {
        let segment = Owned::read(text, self.peer, OURS, self.window);
        let events = self.tcp.on_segment(self.now, &segment.segment());
        self.events = self.events.and(events);
        if segment.flags.contains(Flags::SYN) && segment.options.timestamps.is_some() {
            self.has_timestamps = true;
        }
    }

    /// An ICMP error comes about a segment of ours that had this sequence number.
    pub(crate) fn error(&mut self, number: u32, problem: Problem) -> bool {
        let confirmed = self.tcp.has_sent(OURS.seq + number);
        if confirmed {
            let events = self.tcp.on_error(problem);
            self.events = self.events.and(events);
        }
        confirmed
    }

    /// What happened since this was asked last.
    pub(crate) fn events(&mut self) -> Events {
        std::mem::take(&mut self.events)
    }

    /// Sends what there is to send.
    fn transmit(&mut self) {
        while let Some(segment) = self.tcp.transmit(self.now, self.most, usize::MAX) {
            assert!(self.sent.len() < 100_000, "it sends for ever: {segment:?}");
            let data = [segment.data.0, segment.data.1].concat();
            assert!(data.is_empty() || segment.segment_size > 0, "{segment:?}");
            let segment = Owned {
                ports: [0, 0],
                seq: segment.seq,
                ack: segment.ack,
                flags: segment.flags,
                window: segment.window,
                urgent: segment.urgent,
                options: segment.options,
                data,
            };
            // RFC 7323 3.2: in each segment, or in none.
            if !self.is_any && !segment.flags.contains(Flags::SYN) {
                assert_eq!(segment.options.timestamps.is_some(), self.has_timestamps);
            }
            self.sent.push(Sent { at: self.now, segment });
        }
    }

    /// These segments are sent now, and no others were since the script asked last.
    #[track_caller]
    pub(crate) fn sends<const N: usize>(&mut self, expected: [&str; N]) {
        self.transmit();
        let now = self.now;
        self.compare(now, &expected);
    }

    /// Nothing was sent since the script asked last, and nothing is sent now.
    #[track_caller]
    pub(crate) fn silent(&mut self) {
        self.sends([]);
    }

    /// What was sent since the script asked last.
    pub(crate) fn take(&mut self) -> Vec<Owned> {
        self.transmit();
        self.sent.drain(..).map(|sent| sent.segment).collect()
    }

    #[track_caller]
    fn compare(&mut self, at: Instant, expected: &[&str]) {
        let sent = std::mem::take(&mut self.sent);
        let models = expected.iter().copied().chain(std::iter::repeat("win TS "));
        let texts: Vec<_> = sent
            .iter()
            .zip(models)
            .map(|(sent, model)| {
                let text = sent.segment.write(model, OURS, self.peer);
                if sent.at == at {
                    text
                } else {
                    format!("{text} at {} ms", sent.at.since(BEGIN).as_millis())
                }
            })
            .collect();
        assert_eq!(texts, expected, "at {} ms, {:?}", self.elapsed(), self.tcp.state());
    }

    /// Lets milliseconds pass. What is sent on the way is compared later.
    pub(crate) fn after(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis), false);
    }

    /// Lets milliseconds pass, whatever is sent: what a peer that keeps to no rule causes is not compared.
    pub(crate) fn pass_quietly(&mut self, millis: u64) {
        self.is_any = true;
        self.pass(Duration::from_millis(millis), false);
    }

    /// What was sent since the script asked last, whatever it is.
    pub(crate) fn take_any(&mut self) -> Vec<Owned> {
        self.is_any = true;
        self.take()
    }

    /// Lets time pass; with `until_sent`, until something is sent.
    fn pass(&mut self, time: Duration, until_sent: bool) {
        let end = self.now + time;
        let mut at_once = 0;
        self.transmit();
        while let Some(deadline) = self.tcp.deadline().filter(|&deadline| deadline <= end) {
            if until_sent && !self.sent.is_empty() {
                return;
            }
            at_once = if deadline > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 100, "the deadline {deadline} is never met: {:?}", self.tcp);
            self.now = self.now.max(deadline);
            let events = self.tcp.on_deadline(self.now);
            self.events = self.events.and(events);
            self.transmit();
        }
        if !until_sent || self.sent.is_empty() {
            self.now = end;
        }
    }

    /// After exactly so many milliseconds these segments are sent, and nothing before.
    #[track_caller]
    pub(crate) fn sends_after<const N: usize>(&mut self, millis: u64, expected: [&str; N]) {
        self.after(millis);
        let now = self.now;
        self.compare(now, &expected);
    }

    /// The next segments that are sent by themselves are these; after how many milliseconds.
    #[track_caller]
    pub(crate) fn sends_next<const N: usize>(&mut self, expected: [&str; N]) -> u64 {
        let before = self.now;
        self.pass(Duration::from_secs(100 * 3600), true);
        let now = self.now;
        self.compare(now, &expected);
        now.since(before).as_millis() as u64
    }

    /// The application sends so many bytes, for which there is room.
    #[track_caller]
    pub(crate) fn write(&mut self, count: usize) {
        let bytes = OURS.bytes(self.next_write, count);
        assert_eq!(self.tcp.send(&&bytes[..]), count);
        self.next_write += count as u32;
    }

    /// The application sends up to so many bytes; returns how many there was room for.
    pub(crate) fn write_some(&mut self, count: usize) -> usize {
        let bytes = OURS.bytes(self.next_write, count.min(self.tcp.room()));
        let taken = self.tcp.send(&&bytes[..]);
        self.next_write += taken as u32;
        taken
    }

    /// The application takes so many bytes, which have come.
    #[track_caller]
    pub(crate) fn read(&mut self, count: usize) {
        let readable = self.tcp.readable();
        assert!(readable.len() >= count, "{} bytes have come", readable.len());
        let expected = self.peer.bytes(self.next_read, count);
        let wrong = std::iter::zip(readable, &expected).position(|(one, other)| one != other);
        assert_eq!(wrong, None, "a wrong byte");
        self.next_read += count as u32;
        self.tcp.consume(count);
    }

    /// The application takes so many bytes without a look at them.
    pub(crate) fn skip(&mut self, count: usize) {
        assert!(self.tcp.readable().len() >= count);
        self.next_read = self.next_read.wrapping_add(count as u32);
        self.tcp.consume(count);
    }

    /// How many bytes can be read.
    pub(crate) fn readable(&self) -> usize {
        self.tcp.readable().len()
    }

    /// Nobody reads the connection any more.
    pub(crate) fn orphan(&mut self) {
        self.tcp.orphan(self.now);
    }
}
