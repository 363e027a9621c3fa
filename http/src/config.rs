//! What a server is told once: limits, the wall clock, counters.

use core::time::Duration;

use crate::Clock;

/// What a server is told once.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Config<'a> {
    /// What a client may take.
    pub limits: Limits,
    /// The wall clock. Without one, responses have no field `Date` (RFC 9110 6.6.1).
    pub clock: Option<&'a Clock<'a>>,
    /// What the server counts, with the switch of its log.
    pub counters: Option<&'a Counters>,
}

impl<'a> Config<'a> {
    /// The default limits, no clock and no counters.
    pub const fn new() -> Self {
        Self { limits: Limits::new(), clock: None, counters: None }
    }

    /// This configuration with these limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// This configuration with this clock.
    #[must_use]
    pub const fn with_clock(mut self, clock: &'a Clock<'a>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// This configuration with these counters.
    #[must_use]
    pub const fn with_counters(mut self, counters: &'a Counters) -> Self {
        self.counters = Some(counters);
        self
    }

    pub(crate) fn count(&self, count: impl FnOnce(&'a Counters) -> &'a layer::Count) {
        if let Some(counters) = self.counters {
            count(counters).add(1);
        }
    }
}

/// What a client may take of a server, or a server of a client. What is too much is refused with a status that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request line or status line; more is status 414. 8,000 unless changed (RFC 9112 3).
    pub line: usize,
    /// Bytes of a head: its first line and all its fields; more is status 431. 16 KiB unless changed.
    pub head: usize,
    /// Headers in a head; more is status 431. 100 unless changed.
    pub headers: usize,
    /// Bytes of a body; more is status 413. 1 MiB unless changed.
    pub body: u64,
    /// Bytes of a body that the handler has not read and that are read all the same, so that the connection can be used
    /// again, or that the client reads the response before it learns that the connection is closed. 64 KiB unless changed.
    pub drain: u64,
    /// How long a connection may be idle between two requests. 60 seconds unless changed.
    pub idle: Duration,
    /// How long a head may take from its first byte on; more is status 408. 10 seconds unless changed.
    pub head_time: Duration,
    /// How long a body may take, and each piece that is sent, beyond what it may take at [`rate`](Self::rate): 10
    /// seconds unless changed. A body that takes longer is status 408.
    pub grace: Duration,
    /// The slowest permitted peer, in bytes a second: 1,024 unless changed. It is at least 1.
    pub rate: u32,
    /// How long the end of a connection may take after the last response. 2 seconds unless changed.
    pub linger: Duration,
}

impl Limits {
    /// The limits that the fields say.
    pub const fn new() -> Self {
        Self {
            line: 8_000,
            head: 16 << 10,
            headers: 100,
            body: 1 << 20,
            drain: 64 << 10,
            idle: Duration::from_secs(60),
            head_time: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            rate: 1_024,
            linger: Duration::from_secs(2),
        }
    }

    /// How long `bytes` may take.
    pub(crate) fn time_for(&self, bytes: u64) -> Duration {
        let rate = u64::from(self.rate.max(1));
        // Without a division for most pieces.
        if bytes < rate {
            return self.grace;
        }
        self.grace.saturating_add(Duration::from_secs(bytes / rate))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

layer::service_counters! {
    /// What a server counts. `--log=http` turns on a line for each response.
    pub struct Counters of "http" {
        /// Connections that were served.
        connections,
        /// Requests whose head was valid.
        requests,
        /// Responses with a status below 400.
        answered,
        /// Responses with a status from 400 to 499.
        client_errors,
        /// Responses with a status of 500 or more.
        server_errors,
        /// Connections that were ended because the client was too slow.
        too_slow,
        /// Connections that broke while a response was sent, or that the handler broke.
        broken,
    }
}
