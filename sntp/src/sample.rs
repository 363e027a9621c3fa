//! What an answer says of the time, after it was checked (RFC 5905 8, and `packet` and `root_dist` in its appendix A.5).

use core::{error::Error, fmt, time::Duration};

use layer::Instant;

use crate::{
    Offset,
    wire::{Header, LEAP_UNKNOWN, MAX_STRATUM, MODE_SERVER, Timestamp, short},
};

/// The largest distance of a sample that is used: MAXDIST of RFC 5905 7.2.
pub const MAX_DISTANCE: Duration = Duration::from_secs(1);

/// The least of the delays together: MINDISP of RFC 5905 7.2.
const MIN_DELAY: Duration = Duration::from_millis(5);

/// How much longer than the round trip a server may have worked on its answer: clocks have steps, and do not run equally fast.
const MAX_EXCESS: Duration = Duration::from_millis(10);

/// In so much time the program's clock may go wrong by one part. RFC 5905 7.2 has 15 millionths (PHI) for a disciplined clock;
/// that of a guest is often measured at its start, and may be off by more.
const DRIFT_PARTS: u32 = 10_000;

/// A measurement of the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The offset in the middle of what it can be.
    pub offset: Offset,
    /// When it was measured.
    pub at: Instant,
    /// How much the offset was wrong by then at most, if the server is right.
    distance: Duration,
}

impl Sample {
    /// The sample in an answer that came at `now` to a question that was sent at `sent`.
    ///
    /// # Errors
    /// [`SampleError`]: the answer says nothing of the time, or nothing that can be true.
    pub fn read(answer: &Header, sent: Instant, now: Instant) -> Result<Self, SampleError> {
        if answer.mode() != MODE_SERVER {
            return Err(SampleError::Mode(answer.mode()));
        }
        if answer.leap() == LEAP_UNKNOWN || !(1..MAX_STRATUM).contains(&answer.stratum) {
            return Err(SampleError::Unsynchronised);
        }
        let (receive, transmit) =
            (Timestamp(answer.receive.get()), Timestamp(answer.transmit.get()));
        if receive == Timestamp::NONE || transmit == Timestamp::NONE {
            return Err(SampleError::NoTime);
        }
        let reference = Timestamp(answer.reference.get());
        if reference != Timestamp::NONE && transmit.since(reference).is_none() {
            return Err(SampleError::Future);
        }
        let round_trip = now.since(sent);
        let worked = transmit.since(receive).ok_or(SampleError::Order)?;
        if worked > round_trip + MAX_EXCESS {
            return Err(SampleError::Order);
        }
        // Not less than nothing (RFC 5905 8).
        let delay = round_trip.saturating_sub(worked);
        let root_delay = short(answer.root_delay);
        let precision = match answer.precision {
            0.. => return Err(SampleError::Distance(MAX_DISTANCE)),
            exponent => {
                Duration::from_secs(1) / 2_u32.saturating_pow(exponent.unsigned_abs().into())
            }
        };
        let distance =
            MIN_DELAY.max(root_delay + delay) / 2 + short(answer.root_dispersion) + precision;
        if distance >= MAX_DISTANCE {
            return Err(SampleError::Distance(distance));
        }
        // The answer was on its way for half of the delay, more or less: by that, the distance counts it.
        let offset = Offset::new(now, transmit.since_1970() + delay / 2);
        Ok(Self { offset, at: now, distance })
    }

    /// How much the offset is wrong by at `now` at most, if the server was right.
    pub fn distance(&self, now: Instant) -> Duration {
        self.distance + now.since(self.at) / DRIFT_PARTS
    }

    /// Whether it may still be used at `now`.
    pub fn is_usable(&self, now: Instant) -> bool {
        self.distance(now) < MAX_DISTANCE
    }

    /// Whether both can be right at `now`.
    pub fn agrees(&self, other: &Self, now: Instant) -> bool {
        self.offset.distance(other.offset) <= self.distance(now) + other.distance(now)
    }
}

/// Why an answer is no measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleError {
    /// It is of this mode, and not of a server.
    Mode(u8),
    /// The server does not know the time: its leap indicator or its stratum says so.
    Unsynchronised,
    /// It has no time.
    NoTime,
    /// The server's clock was set after its answer left.
    Future,
    /// It left before the question came, or the server worked longer on it than it was waited for.
    Order,
    /// The time may be wrong by so much.
    Distance(Duration),
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => write!(f, "the mode is {mode}: expected {MODE_SERVER}"),
            Self::Unsynchronised => f.write_str("the server does not know the time"),
            Self::NoTime => f.write_str("the answer has no time"),
            Self::Future => f.write_str("the server's clock was set in the future"),
            Self::Order => f.write_str("the answer's times are not in order"),
            Self::Distance(distance) => {
                write!(f, "the time may be wrong by {} ms", distance.as_millis())
            }
        }
    }
}

impl Error for SampleError {}

#[cfg(test)]
mod tests;
