//! The client (RFC 2131 4.4): a value without input or output. Messages of servers and the time go in. Messages to be sent,
//! what is different in the configuration, and the time of the next call come out.

use core::{net::Ipv4Addr, time::Duration};

use layer::Instant;
use netif::MacAddr;

use crate::{
    ClientId,
    lease::{Changes, Lease},
    random::Random,
    request::Request,
};

mod compose;
mod due;
mod input;

pub use input::Ignored;

/// Never, as a deadline.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// The time to the first retransmission (RFC 2131 4.1). It doubles from one to the next.
const FIRST_DELAY: Duration = Duration::from_secs(4);
/// How often that time doubles: up to 64 seconds.
const MAX_DOUBLINGS: u8 = 4;
/// Each time is random, within this time before and after (RFC 2131 4.1).
const SPREAD: Duration = Duration::from_secs(1);

/// How often an offered address is asked for, before the client begins again: four times in 60 seconds (RFC 2131 3.1.5).
const REQUEST_TRIES: u8 = 4;
/// How often the client asks whether it may keep an address from before, before it does without an answer.
const REBOOT_TRIES: u8 = 2;
/// The shortest time between two requests for a lease that is held (RFC 2131 4.4.5).
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);
/// How long the client waits before it begins again after a decline (RFC 2131 3.1.5).
const DECLINE_PAUSE: Duration = Duration::from_secs(10);
/// How many addresses may turn out to be in use, before the client waits for longer (RFC 5227 2.1.1: `MAX_CONFLICTS`,
/// `RATE_LIMIT_INTERVAL`).
const MAX_CONFLICTS: u32 = 10;
const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);
/// How long the address is still ours after a release has been handed down, so that it can wait for the hardware address of
/// the next hop.
const RELEASE_PAUSE: Duration = Duration::from_secs(1);

/// The state of a client (RFC 2131 figure 5), and those around the use of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// No address, and nobody asked yet: the first DHCPDISCOVER is due, at once or after a pause.
    Init,
    /// Servers are asked for offers.
    Selecting,
    /// The server that was chosen is asked for the address that it offered.
    Requesting,
    /// Servers are asked whether an address from before is still ours.
    Rebooting,
    /// An address is granted, and whether another station uses it is not known yet (RFC 5227).
    Checking,
    /// The address is ours.
    Bound,
    /// The address is ours, and its server is asked to renew the lease (after T1).
    Renewing,
    /// The address is ours, and any server is asked to renew the lease (after T2).
    Rebinding,
    /// The address is another station's: its server is to be told.
    Declining,
    /// The address is given back.
    Releasing,
    /// The address was given back, and nothing more is asked for.
    Released,
}

/// What is to be done; see [`Client::due`].
#[derive(Clone, Copy, Debug)]
#[must_use]
#[expect(clippy::large_enum_variant, reason = "it is used at once, and there is no heap for a box")]
pub enum Output {
    /// Send this message.
    Send(Request),
    /// Use the configuration of [`Client::lease`], in which this is different. If the address is, say afterwards whether it is
    /// ours: [`Client::confirm`] or [`Client::conflict`].
    Configure(Changes),
    /// There is no lease any more: stop using the address and what came with it.
    Withdraw,
}

/// A client for one interface.
#[derive(Clone, Debug)]
pub struct Client {
    mac: MacAddr,
    id: ClientId,
    random: Random,
    state: State,
    /// The transaction that is under way.
    xid: u32,
    /// When the client began to ask for an address, and the seconds since then in the last DHCPDISCOVER.
    since: Instant,
    secs: u16,
    /// How many messages were sent in this state.
    tries: u8,
    /// How often the client began again since it was last bound.
    failures: u8,
    /// How many addresses turned out to be in use.
    conflicts: u32,
    /// When the next message is due, or the next state.
    next: Instant,
    /// When the last message was sent.
    sent: Instant,
    /// When the first message was sent to which an acknowledgment may be the answer: the lease begins then.
    asked: Instant,
    /// The address that is asked for, and the server that offered it. In [`State::Init`] and [`State::Selecting`] it is an
    /// address that we had, if there is one.
    wanted: Option<Ipv4Addr>,
    server: Ipv4Addr,
    lease: Option<Lease>,
    timers: Timers,
    /// What the owner of the client is to be told next.
    news: Option<News>,
}

/// The moments of a lease. [`NEVER`] if it lasts for ever, or if there is none.
#[derive(Clone, Copy, Debug)]
struct Timers {
    renewal: Instant,
    rebinding: Instant,
    end: Instant,
}

impl Timers {
    const NONE: Self = Self { renewal: NEVER, rebinding: NEVER, end: NEVER };
}

#[derive(Clone, Copy, Debug)]
enum News {
    Configure(Changes),
    Withdraw,
}

impl Client {
    /// A client for the interface with this hardware address, which asks for any address. `secret` must be unpredictable:
    /// nobody else may know the numbers of its transactions.
    pub fn new(mac: MacAddr, secret: u128) -> Self {
        Self {
            mac,
            id: ClientId::of(mac),
            random: Random::new(secret),
            state: State::Init,
            xid: 0,
            since: Instant::ZERO,
            secs: 0,
            tries: 0,
            failures: 0,
            conflicts: 0,
            next: Instant::ZERO,
            sent: Instant::ZERO,
            asked: Instant::ZERO,
            wanted: None,
            server: Ipv4Addr::UNSPECIFIED,
            lease: None,
            timers: Timers::NONE,
            news: None,
        }
    }

    /// The client with another name for servers, instead of [`ClientId::of`] its hardware address.
    #[must_use]
    pub fn with_id(self, id: ClientId) -> Self {
        Self { id, ..self }
    }

    /// The client, which first asks whether it may have the address that it had before (INIT-REBOOT, RFC 2131 3.2). Without
    /// an answer within 12 seconds or so, or after a denial, it asks for any address.
    #[must_use]
    pub fn with_address(mut self, address: Ipv4Addr) -> Self {
        self.reboot(address);
        self
    }

    /// Begins by asking whether we may have the address that we had before; see [`with_address`](Self::with_address). A client
    /// that has already begun goes on as it is.
    pub fn reboot(&mut self, address: Ipv4Addr) {
        if self.state == State::Init && self.next == Instant::ZERO {
            (self.state, self.wanted) = (State::Rebooting, Some(address));
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// The lease, from the moment on at which it is granted. Whether its address is ours is another question; see
    /// [`is_bound`](Self::is_bound).
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// Whether the address of the lease is ours.
    pub fn is_bound(&self) -> bool {
        match self.state {
            State::Bound | State::Renewing | State::Rebinding => true,
            State::Rebooting => self.lease.is_some(),
            _ => false,
        }
    }

    /// When the lease ends, if it does.
    pub fn expires_at(&self) -> Option<Instant> {
        (self.timers.end < NEVER).then_some(self.timers.end)
    }

    /// When to call [`due`](Self::due).
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadline = self.deadline();
        (deadline < NEVER).then_some(deadline)
    }

    /// Whether something is [`due`](Self::due).
    #[inline]
    pub fn is_due(&self, now: Instant) -> bool {
        let deadline = self.deadline();
        deadline <= now && deadline < NEVER
    }

    /// When something is due, or [`NEVER`].
    #[inline]
    fn deadline(&self) -> Instant {
        if self.news.is_some() { Instant::ZERO } else { self.next.min(self.timers.end) }
    }

    /// Records that no other station uses the address of the lease: it is ours from now on.
    pub fn confirm(&mut self) {
        if self.state == State::Checking {
            (self.state, self.next, self.failures) = (State::Bound, self.timers.renewal, 0);
        }
    }

    /// Records that another station uses the address of the lease. Its server is told, and after a pause the client asks for
    /// another address (RFC 2131 3.1.5, RFC 5227 2.1.1).
    pub fn conflict(&mut self, now: Instant) {
        if self.state == State::Checking || self.is_bound() {
            let Some(lease) = self.lease else { return };
            self.conflicts = self.conflicts.saturating_add(1);
            self.lose();
            (self.wanted, self.server) = (Some(lease.address.address()), lease.server);
            (self.state, self.next) = (State::Declining, now);
        }
    }

    /// Verifies the lease, after a time in which the network may have become another one: the link was down (RFC 2131 3.7).
    /// The address stays ours until a server denies it. A client that asks for an address begins again. It does so at once, but
    /// not within 4 seconds of its last message: a link that flaps does not make it send more.
    pub fn verify(&mut self, now: Instant) {
        let next = now.max(self.sent + FIRST_DELAY);
        if let Some(lease) = &self.lease
            && self.is_bound()
        {
            self.wanted = Some(lease.address.address());
            self.enter(State::Rebooting, next);
        } else if matches!(self.state, State::Selecting | State::Requesting) {
            self.enter(State::Init, next);
        }
    }

    /// Gives the address back, and asks for nothing any more (RFC 2131 4.4.6).
    pub fn release(&mut self, now: Instant) {
        match (self.lease.is_some(), self.state) {
            (_, State::Releasing | State::Released) => {}
            (true, _) => self.enter(State::Releasing, now),
            (false, _) => self.enter(State::Released, NEVER),
        }
    }

    /// Begins a state, whose first message is due at `next`.
    fn enter(&mut self, state: State, next: Instant) {
        (self.state, self.tries, self.next) = (state, 0, next);
    }

    /// There is no lease any more.
    fn lose(&mut self) {
        if self.lease.take().is_some() {
            self.news = Some(News::Withdraw);
        }
        self.timers = Timers::NONE;
    }

    /// Begins again, after a failure: at once the first time, later after a pause that doubles.
    fn begin_again(&mut self, now: Instant) {
        let pause = match self.failures.checked_sub(1) {
            None => self.random.below(SPREAD),
            Some(earlier) => self.backoff(earlier),
        };
        self.failures = self.failures.saturating_add(1);
        self.enter(State::Init, now + pause);
    }

    /// How long to wait after `earlier` retransmissions: 4, 8, 16, 32 and then 64 seconds, and a second less or more at random
    /// (RFC 2131 4.1).
    fn backoff(&mut self, earlier: u8) -> Duration {
        let delay = FIRST_DELAY * (1 << earlier.min(MAX_DOUBLINGS));
        delay - SPREAD + self.random.below(SPREAD * 2)
    }
}

#[cfg(test)]
mod tests;
