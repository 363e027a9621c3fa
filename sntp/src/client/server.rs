//! One server: when it is asked, and what it has said.

use core::{net::SocketAddr, time::Duration};

use layer::Instant;

use crate::{random::Random, sample::Sample, wire::Header};

/// The exponent of the interval between the first questions, in seconds: 4 seconds, and up to 4 more at random.
pub const START_POLL: u8 = 2;

/// The exponent of the shortest interval between questions, in seconds: 64 seconds (RFC 5905 7.3).
pub const MIN_POLL: u8 = 6;

/// The exponent of the longest interval, in seconds: 1024 seconds (RFC 5905 7.3), unless the server wants a longer one.
pub const MAX_POLL: u8 = 10;

/// The exponent of the longest interval that a server can demand: 36 hours (MAXPOLL of RFC 5905 7.2).
const MAX_DEMANDED: u8 = 17;

/// How long an answer is waited for. A later one would say too little of the time.
pub const WAIT: Duration = Duration::from_secs(2);

/// How long the first question waits at most, so that programs that start together do not ask together.
const SPREAD: Duration = Duration::from_secs(1);

/// After how many answers the quick questions of the start end.
const START_ANSWERS: u8 = 4;

/// If an answer differs from the one before by no more than this, the interval doubles.
const SMALL: Duration = Duration::from_millis(10);

/// If it differs by more than this, the interval is halved.
const LARGE: Duration = Duration::from_millis(40);

/// A question whose answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// What the answer repeats. Nobody can guess it.
    pub(super) transmit: u64,
    pub(super) sent: Instant,
    until: Instant,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    question: Option<Question>,
    /// When the next question is due.
    next: Instant,
    /// The exponent of the interval, and the least that the server permits.
    poll: u8,
    least_poll: u8,
    answers: u8,
    /// Whether a question has come to its end, with an answer or without.
    pub(super) has_ended: bool,
    /// The best that it has said.
    pub(super) sample: Option<Sample>,
}

impl Server {
    pub(super) fn new(now: Instant, address: SocketAddr, random: &mut Random) -> Self {
        Self {
            address,
            question: None,
            next: now + random.below(SPREAD),
            poll: START_POLL,
            least_poll: MIN_POLL,
            answers: 0,
            has_ended: false,
            sample: None,
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.question.is_some()
    }

    pub(super) fn question(&self) -> Option<Question> {
        self.question
    }

    /// Whether the answer did not come in time.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.question.is_some_and(|question| question.until <= now)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_waiting() && self.next <= now
    }

    pub(super) fn deadline(&self) -> Instant {
        self.question.map_or(self.next, |question| question.until)
    }

    /// The next question, and until when its answer is waited for.
    pub(super) fn ask(&mut self, now: Instant, random: &mut Random) -> (Header, Instant) {
        let (transmit, until) = (random.transmit(), now + WAIT);
        self.question = Some(Question { transmit, sent: now, until });
        (Header::question(transmit), until)
    }

    /// As if the last question had not been sent: it is due at once.
    #[cfg(test)]
    pub(super) fn take_back(&mut self) {
        if let Some(question) = self.question.take() {
            self.next = question.sent;
        }
    }

    /// The server did not answer, or not with the time: the interval doubles.
    pub(super) fn fail(&mut self, now: Instant, random: &mut Random) {
        if self.poll < MAX_POLL.max(self.least_poll) {
            self.poll += 1;
        }
        self.end(now, random);
    }

    /// The server is asked too often: the interval doubles, and never gets shorter than that again (RFC 5905 7.4 b).
    pub(super) fn slow_down(&mut self, now: Instant, random: &mut Random) {
        self.poll = (self.poll + 1).clamp(MIN_POLL, MAX_DEMANDED);
        (self.least_poll, self.answers) = (self.poll, START_ANSWERS);
        self.end(now, random);
    }

    /// The server has answered.
    pub(super) fn learn(&mut self, now: Instant, sample: Sample, random: &mut Random) {
        self.answers = self.answers.saturating_add(1);
        let old = self.sample.filter(|old| old.is_usable(now));
        // One that was on its way for long says less than an earlier one, unless they contradict each other.
        let is_better = old.is_none_or(|old| {
            sample.distance(now) <= old.distance(now) || !sample.agrees(&old, now)
        });
        if is_better {
            self.sample = Some(sample);
        }
        if self.answers >= START_ANSWERS {
            match old {
                _ if self.poll < self.least_poll => self.poll = self.least_poll,
                Some(old) if is_better => {
                    let change = sample.offset.distance(old.offset);
                    if change <= SMALL && self.poll < MAX_POLL {
                        self.poll += 1;
                    } else if change > LARGE && self.poll > self.least_poll {
                        self.poll -= 1;
                    }
                }
                _ => {}
            }
        }
        self.end(now, random);
    }

    /// No answer is waited for any more.
    fn end(&mut self, now: Instant, random: &mut Random) {
        let sent = self.question.take().map_or(now, |question| question.sent);
        let interval = Duration::from_secs(1 << self.poll);
        let spread = if self.poll < MIN_POLL { interval } else { interval / 8 };
        // Counted from the last question; what comes late delays the next one by no more.
        self.next = sent + interval + random.below(spread);
        self.has_ended = true;
    }
}
