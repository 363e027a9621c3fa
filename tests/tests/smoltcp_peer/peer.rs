//! smoltcp with a socket, and the application that it serves.

use std::{cell::Cell, net::Ipv4Addr};

use layer::{Instant, Layer};
use rt_regions::Region;
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    socket::tcp::{CongestionControl, Socket, SocketBuffer, State},
    time,
    wire::{HardwareAddress, IpAddress, IpCidr},
};
use testkit::{PathEnd, Random};

use super::{
    device::{Device, their_time},
    plan::{PeerSettings, Plan, byte},
};

/// Our address, and smoltcp's: those of the ends of a path.
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The port that whoever is connected to has.
pub(crate) const PORT: u16 = 80;

thread_local! {
    /// What smoltcp's timestamps say, in milliseconds: it asks a function for them.
    static CLOCK: Cell<u32> = const { Cell::new(0) };
}

/// smoltcp.
pub(crate) struct Peer {
    iface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    pub(crate) device: Device,
    application: Application,
}

/// What the application does next, and what it has done.
#[derive(Debug)]
struct Application {
    plan: Plan,
    random: Random,
    sent: usize,
    received: usize,
    /// It sleeps until then.
    wakes: Instant,
    is_shut: bool,
    has_reset: bool,
}

impl Peer {
    /// smoltcp at the end of a path. It does nothing before [`begin`](Self::begin).
    pub(crate) fn new(end: PathEnd, memory: Region<'static>, now: Instant, seed: u64) -> Self {
        let mut device = Device::new(end, memory);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut iface = Interface::new(config, &mut device, their_time(now));
        iface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::Ipv4(PEER), 24)).expect("there is room");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; 1]);
        let handle = sockets.add(Socket::new(buffer(), buffer()));
        let plan = Plan {
            side: 1,
            seed: 0,
            sends: 0,
            expects: 0,
            chunk: 1,
            pause: 0,
            nodelay: false,
            answers: false,
            resets_after: None,
            may_be_reset: false,
        };
        let application = Application::new(plan, now);
        Self { iface, sockets, handle, device, application }
    }

    /// Begins a conversation with a new socket: one that listens, or one that connects from this port.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        settings: &PeerSettings,
        plan: Plan,
        connects_from: Option<u16>,
    ) {
        self.sockets.remove(self.handle);
        let [receive, send] = settings.buffers.map(|length| SocketBuffer::new(vec![0; length]));
        let mut socket = Socket::new(receive, send);
        socket.set_nagle_enabled(!plan.nodelay);
        let delay = time::Duration::from_millis(settings.ack_delay as u64);
        socket.set_ack_delay((settings.ack_delay > 0).then_some(delay));
        socket.set_congestion_control(match settings.congestion_control {
            0 => CongestionControl::None,
            1 => CongestionControl::Reno,
            _ => CongestionControl::Cubic,
        });
        if settings.has_timestamps {
            socket.set_tsval_generator(Some(|| CLOCK.get()));
        }
        if plan.may_be_reset {
            // A reset that is lost is noticed by a side that sends, and by no other.
            socket.set_keep_alive(Some(time::Duration::from_secs(10)));
            socket.set_timeout(Some(time::Duration::from_secs(600)));
        }
        self.device.without_sack = !settings.has_sack;
        match connects_from {
            None => socket.listen(PORT).expect("a port to listen at"),
            Some(port) => {
                let remote = (IpAddress::Ipv4(OURS), PORT);
                socket.connect(self.iface.context(), remote, port).expect("a new socket connects");
            }
        }
        self.handle = self.sockets.add(socket);
        self.application = Application::new(plan, now);
    }

    /// Takes in what has arrived, lets the application do something, and sends. Says whether there was anything.
    pub(crate) fn turn(&mut self, now: Instant) -> bool {
        self.device.now = now;
        CLOCK.set((now.as_nanos() / 1_000_000) as u32);
        let before = (self.device.received, self.device.end.sent()[0]);
        self.iface.poll(their_time(now), &mut self.device, &mut self.sockets);
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        let acted = self.application.act(now, socket);
        acted || before != (self.device.received, self.device.end.sent()[0])
    }

    /// When it is to be asked again.
    pub(crate) fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        let polled = self.iface.poll_at(their_time(now), &self.sockets);
        let polled = polled.map(|at| Instant::from_nanos(at.total_micros().max(0) as u64 * 1_000));
        let wakes = (self.application.wakes > now).then_some(self.application.wakes);
        Instant::earliest(Instant::earliest(polled, wakes), self.device.end.next_deadline())
    }

    pub(crate) fn state(&self) -> State {
        self.sockets.get::<Socket<'_>>(self.handle).state()
    }

    /// Whether the connection is over, and the application has read all.
    pub(crate) fn is_done(&self) -> bool {
        let socket = self.sockets.get::<Socket<'_>>(self.handle);
        let has_read = self.application.has_reset || !socket.can_recv();
        // It listens again if it was reset before the handshake was done.
        let is_over = match socket.state() {
            State::Closed | State::TimeWait => true,
            State::Listen => self.application.plan.may_be_reset,
            _ => false,
        };
        is_over && has_read
    }

    /// How many bytes were given to the socket, and how many came.
    pub(crate) fn progress(&self) -> [usize; 2] {
        [self.application.sent, self.application.received]
    }

    pub(crate) fn has_reset(&self) -> bool {
        self.application.has_reset
    }
}

impl Application {
    fn new(plan: Plan, now: Instant) -> Self {
        let random = Random::new(plan.seed);
        Self { plan, random, sent: 0, received: 0, wakes: now, is_shut: false, has_reset: false }
    }

    /// Does something, if it can: sends, receives, sleeps, ends. Says whether it did.
    fn act(&mut self, now: Instant, socket: &mut Socket<'_>) -> bool {
        // smoltcp forgets what was not read when TIME-WAIT ends, after ten seconds: an application must not sleep then.
        let is_asleep = now < self.wakes && socket.state() != State::TimeWait;
        if is_asleep || !(socket.may_send() || socket.may_recv() || socket.can_recv()) {
            return false;
        }
        let Plan { sends, chunk, pause, .. } = self.plan;
        if self.plan.resets_after.is_some_and(|after| self.sent + self.received >= after) {
            if !self.has_reset {
                socket.abort();
                self.has_reset = true;
            }
            return false;
        }
        if pause > 0 && self.random.once_in(8) && socket.state() != State::TimeWait {
            self.wakes =
                now + std::time::Duration::from_millis(1 + self.random.below(pause) as u64);
            return true;
        }
        let may_begin = !self.plan.answers || self.received == self.plan.expects;
        let sends_first = self.random.once_in(2);
        let mut acted = false;
        for sending in [sends_first, !sends_first] {
            if acted {
                break;
            }
            if !sending {
                acted = self.receive(socket);
            } else if may_begin && !self.is_shut && socket.may_send() {
                let length = (1 + self.random.below(chunk)).min(sends - self.sent);
                let bytes: Vec<u8> =
                    (self.sent..self.sent + length).map(|at| byte(self.plan.side, at)).collect();
                let taken = socket.send_slice(&bytes).expect("it may send");
                self.sent += taken;
                acted = taken > 0;
                if self.sent == sends {
                    socket.close();
                    self.is_shut = true;
                    acted = true;
                }
            }
        }
        acted
    }

    fn receive(&mut self, socket: &mut Socket<'_>) -> bool {
        if !socket.can_recv() {
            return false;
        }
        let mut bytes = vec![0; 1 + self.random.below(self.plan.chunk)];
        let count = socket.recv_slice(&mut bytes).expect("it can receive");
        for (at, got) in bytes[..count].iter().enumerate() {
            let at = self.received + at;
            assert_eq!(*got, byte(1 - self.plan.side, at), "smoltcp has got a wrong byte {at}");
        }
        self.received += count;
        count > 0
    }
}
