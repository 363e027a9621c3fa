//! What the client does by itself, when its time has come.

use core::time::Duration;

use layer::Instant;

use super::{
    Client, DECLINE_PAUSE, MAX_CONFLICTS, NEVER, News, Output, RATE_LIMIT_INTERVAL, REBOOT_TRIES,
    RELEASE_PAUSE, RENEWAL_INTERVAL, REQUEST_TRIES, State,
};

impl Client {
    /// Returns what is to be done at `now`. The caller repeats this until it is `None`.
    pub fn due(&mut self, now: Instant) -> Option<Output> {
        loop {
            if let Some(news) = self.news.take() {
                return Some(match news {
                    News::Configure(changes) => Output::Configure(changes),
                    News::Withdraw => Output::Withdraw,
                });
            }
            if self.timers.end <= now && self.timers.end < NEVER {
                self.expire(now);
            } else if now < self.next || self.next == NEVER {
                return None;
            } else if let Some(output) = self.step(now) {
                self.sent = now;
                return Some(output);
            }
        }
    }

    /// The lease has ended: the client asks for an address, the same one if it can be had (RFC 2131 4.4.5).
    fn expire(&mut self, now: Instant) {
        let had = self.lease.map(|lease| lease.address.address());
        self.lose();
        self.wanted = had;
        match self.state {
            State::Releasing => self.enter(State::Released, NEVER),
            _ => self.enter(State::Init, now),
        }
    }

    /// What is due in this state. `None` is a new state, in which something else may be due.
    fn step(&mut self, now: Instant) -> Option<Output> {
        match self.state {
            State::Init => {
                (self.xid, self.since) = (self.random.xid(), now);
                self.enter(State::Selecting, now);
                None
            }
            State::Selecting => {
                self.count_seconds(now);
                Some(self.send_again(now))
            }
            State::Requesting if self.tries >= REQUEST_TRIES => {
                self.begin_again(now);
                None
            }
            State::Rebooting if self.tries >= REBOOT_TRIES => {
                self.stop_rebooting(now);
                None
            }
            State::Requesting | State::Rebooting => {
                let is_first = self.tries == 0;
                if is_first {
                    self.asked = now;
                }
                if self.state == State::Rebooting {
                    if is_first {
                        (self.xid, self.since) = (self.random.xid(), now);
                    }
                    // A request after an offer has the seconds of the DHCPDISCOVER (RFC 2131 4.4.1).
                    self.count_seconds(now);
                }
                Some(self.send_again(now))
            }
            State::Bound => {
                self.since = now;
                self.enter(State::Renewing, now);
                None
            }
            State::Renewing if now >= self.timers.rebinding => {
                self.enter(State::Rebinding, now);
                None
            }
            State::Renewing => Some(self.ask_for_more(now, self.timers.rebinding)),
            State::Rebinding => Some(self.ask_for_more(now, self.timers.end)),
            State::Declining => {
                self.xid = self.random.xid();
                let decline = self.compose();
                let limited = self.conflicts >= MAX_CONFLICTS;
                let pause = if limited { RATE_LIMIT_INTERVAL } else { DECLINE_PAUSE };
                self.wanted = None;
                self.enter(State::Init, now + pause);
                Some(Output::Send(decline))
            }
            State::Releasing if self.tries == 0 => {
                self.xid = self.random.xid();
                (self.tries, self.next) = (1, now + RELEASE_PAUSE);
                Some(Output::Send(self.compose()))
            }
            State::Releasing => {
                self.lose();
                self.enter(State::Released, NEVER);
                None
            }
            State::Checking | State::Released => {
                self.next = NEVER;
                None
            }
        }
    }

    /// Sends the message of this state, which is sent again if no answer comes (RFC 2131 4.1).
    fn send_again(&mut self, now: Instant) -> Output {
        self.next = now + self.backoff(self.tries);
        self.tries = self.tries.saturating_add(1);
        Output::Send(self.compose())
    }

    /// Asks for a longer lease. The next time is after half of what is left until `end`, but not within 60 seconds
    /// (RFC 2131 4.4.5). Each request is a transaction of its own, so that it is known when the lease begins.
    fn ask_for_more(&mut self, now: Instant, end: Instant) -> Output {
        (self.xid, self.asked) = (self.random.xid(), now);
        self.tries = self.tries.saturating_add(1);
        self.count_seconds(now);
        self.next = end.min(now + (end.since(now) / 2).max(RENEWAL_INTERVAL));
        Output::Send(self.compose())
    }

    /// No server has answered whether the address from before is still ours. With a lease that has not ended, it is (RFC 2131
    /// 3.2.3).
    fn stop_rebooting(&mut self, now: Instant) {
        if self.lease.is_some() {
            self.enter(State::Bound, self.timers.renewal);
        } else {
            self.enter(State::Init, now);
        }
    }

    /// Records how long the client has been asking.
    fn count_seconds(&mut self, now: Instant) {
        let since: Duration = now.since(self.since);
        self.secs = u16::try_from(since.as_secs()).unwrap_or(u16::MAX);
    }
}
