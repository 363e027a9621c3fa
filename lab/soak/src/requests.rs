//! What the services are asked, at random, and what they have to answer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use ::tests::{Exchange, Reply, exchanges};
use testkit::Random;

/// A service sends about 100 lines a second to those it refuses something (README of udp); half of that is
/// sure to be answered, however the network doubles and delays.
const BETWEEN_REFUSALS: Duration = Duration::from_millis(20);

/// A request to a service.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Its UDP port.
    pub(crate) port: u16,
    /// What it is asked.
    pub(crate) bytes: Vec<u8>,
    /// What it has to answer.
    pub(crate) reply: Reply,
}

/// What one service is asked.
#[derive(Debug)]
pub(crate) struct Requests {
    is_echo: bool,
    table: Vec<Exchange>,
    random: Random,
    /// When something was asked that is refused.
    refused: Option<Instant>,
}

impl Requests {
    /// What the service `app` is asked: the same for the same seed, but that what is refused is left out where the
    /// last of that was only just now.
    ///
    /// # Errors
    /// There is no such service.
    pub(crate) fn of(app: &str, seed: u64) -> Result<Self> {
        let mut table = exchanges();
        table.retain(|exchange| exchange.app == app);
        ensure!(!table.is_empty(), "nothing is known that the service {app} could be asked");
        Ok(Self { is_echo: app == "echo", table, random: Random::new(seed), refused: None })
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Request {
        if !self.is_echo {
            return self.next_of_table();
        }
        // Most requests are small, and there are fragments all the time.
        let longest = match self.random.below(1000) {
            0 => 65_507,
            1..20 => 9000,
            20..200 => 1472,
            _ => 200,
        };
        let length = self.random.below(longest + 1);
        // One generator for each request would be most of the work: these bytes differ from those of every
        // other request and from one 8 bytes on.
        let start = self.random.bits();
        let word = |number: usize| start.wrapping_mul(2 * number as u64 + 1).to_be_bytes();
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(word).collect();
        bytes.truncate(length);
        let reply = Reply::Bytes(bytes.clone());
        Request { port: 8080, bytes, reply }
    }

    fn next_of_table(&mut self) -> Request {
        let is_soon = self.refused.is_some_and(|at| at.elapsed() < BETWEEN_REFUSALS);
        loop {
            let exchange = &self.table[self.random.below(self.table.len())];
            let is_refused = exchange.reply == Reply::Refusal;
            if is_refused && is_soon {
                continue;
            }
            if is_refused {
                self.refused = Some(Instant::now());
            }
            let Exchange { port, request, reply, .. } = exchange.clone();
            return Request { port, bytes: request, reply };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_asked_and_requests_differ() {
        for app in ::tests::apps() {
            let mut requests = Requests::of(app, 1).unwrap();
            assert!((0..100).map(|_| requests.next()).any(|one| !one.bytes.is_empty()), "{app}");
        }
        assert!(Requests::of("no such service", 1).is_err());
        let mut echo = Requests::of("echo", 1).unwrap();
        let mut long: Vec<_> =
            (0..1000).map(|_| echo.next().bytes).filter(|bytes| bytes.len() >= 8).collect();
        let count = long.len();
        long.sort_unstable();
        long.dedup();
        assert_eq!(long.len(), count);
        assert!(long.iter().all(|bytes| bytes.len() < 16 || bytes[..8] != bytes[8..16]));
    }

    #[test]
    fn what_is_refused_is_asked_no_more_often_than_it_is_answered() {
        let (mut requests, start) = (Requests::of("facfib", 1).unwrap(), Instant::now());
        let asked: Vec<_> = (0..2000).map(|_| requests.next().reply).collect();
        let refused = asked.iter().filter(|reply| **reply == Reply::Refusal).count() as u128;
        assert!((1..=1 + start.elapsed().as_millis() / 20).contains(&refused), "{refused}");
    }
}
