//! Initial sequence numbers (RFC 6528, RFC 9293 3.4.1).

use core::net::SocketAddr;

use layer::{Instant, KeyedHash, seed_for};

use crate::{Seq, ends};

/// How far behind the numbers of an earlier connection those of a later one begin, if the clock is not ahead of them:
/// more than its peer's unscaled window.
const GAP: u32 = 1 << 17;

/// Chooses initial sequence numbers: a clock that advances every 4 us, plus a hash of addresses and ports that nobody
/// can predict without the secret (RFC 6528 3). So the numbers of connections between two ends ascend, and say nothing
/// about those of others. The clock wraps around after 4.77 hours.
#[derive(Clone, Copy, Debug)]
pub struct InitialNumbers(KeyedHash);

impl InitialNumbers {
    /// The numbers that follow from this seed: the secret is derived from it.
    pub fn new(seed: u128) -> Self {
        Self(KeyedHash::new(seed_for(*b"isn ", seed)))
    }

    /// The initial number of a connection.
    pub fn initial(self, now: Instant, ours: SocketAddr, peer: SocketAddr) -> Seq {
        let clock = now.as_nanos() / 4_000;
        Seq(ends::hash_of(self.0, ours, peer) as u32) + clock as u32
    }

    /// The initial number of a connection whose ends had one before, of which `last` was the next number: it is after
    /// all numbers of that (RFC 9293 3.4.3), even if that sent more than 250 kB/s and the clock is behind.
    pub fn initial_after(self, now: Instant, ours: SocketAddr, peer: SocketAddr, last: Seq) -> Seq {
        self.initial(now, ours, peer).max(last + GAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(port: u16) -> (SocketAddr, SocketAddr) {
        (SocketAddr::from(([10, 0, 0, 2], 80)), SocketAddr::from(([10, 0, 0, 1], port)))
    }

    #[test]
    fn the_clock_advances_every_four_microseconds() {
        let numbers = InitialNumbers::new(7);
        let (ours, peer) = ends(5000);
        let at = |micros: u64| numbers.initial(Instant::from_nanos(micros * 1000), ours, peer);
        assert_eq!(at(4) - at(0), 1);
        assert_eq!(at(1_000_003) - at(3), 250_000);
        // It wraps around.
        assert_eq!(at(4 << 32), at(0));
    }

    /// RFC 6528 3: the number space of each pair of ends is one of its own.
    #[test]
    fn the_ends_and_the_secret_decide_where_it_begins() {
        let first = |seed, port| {
            let (ours, peer) = ends(port);
            InitialNumbers::new(seed).initial(Instant::ZERO, ours, peer)
        };
        assert_eq!(first(7, 5000), first(7, 5000));
        assert_ne!(first(7, 5000), first(8, 5000));
        // Each bit of the difference is set about every other time.
        let mut set = [0_u32; 32];
        for port in 0..1024 {
            let difference = first(7, 5000).0 ^ first(7, 6000 + port).0;
            set.iter_mut().enumerate().for_each(|(bit, set)| *set += difference >> bit & 1);
        }
        assert!(set.iter().all(|set| (400..=624).contains(set)), "{set:?}");
    }

    #[test]
    fn a_later_connection_begins_after_an_earlier_one() {
        let numbers = InitialNumbers::new(7);
        let (ours, peer) = ends(5000);
        let first = numbers.initial(Instant::ZERO, ours, peer);
        let later = Instant::from_millis(1000);
        // It sent 1 GB in a second: the clock is behind.
        let last = first + 1_000_000_000;
        let second = numbers.initial_after(later, ours, peer, last);
        assert!(
            second.is_after(last) && second - last < 1 << 20,
            "{first:?}, {last:?}, {second:?}"
        );
        // It sent little: the clock is ahead.
        let second = numbers.initial_after(later, ours, peer, first + 1000);
        assert_eq!(second, first + 250_000);
    }
}
