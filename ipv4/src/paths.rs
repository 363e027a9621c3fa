//! The path MTU to hosts behind smaller links (RFC 1191).

use core::{net::Ipv4Addr, time::Duration};

use netif::Instant;

/// How many paths are remembered; one more replaces the oldest.
const PATHS: usize = 16;

/// How long a path MTU holds before the larger one is tried again (RFC 1191 6.3).
const HOLDS: Duration = Duration::from_secs(600);

/// The smallest MTU that a link may have (RFC 791): smaller values are lies.
const LEAST: usize = 68;

/// What is known of paths; any host can forge it, so it only ever makes packets smaller, never below
/// [`LEAST`], and not for long.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paths {
    paths: [Option<Path>; PATHS],
    known: usize,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    destination: Ipv4Addr,
    mtu: usize,
    until: Instant,
}

impl Paths {
    /// Notes that packets of more than `mtu` bytes do not get to `destination`. What would make packets
    /// larger than they are is not believed (RFC 1191 3).
    pub(crate) fn note(&mut self, now: Instant, destination: Ipv4Addr, mtu: usize) {
        if mtu < LEAST || self.mtu(now, destination).is_some_and(|known| known < mtu) {
            return;
        }
        let known = self.paths.iter().position(|p| p.is_some_and(|p| p.destination == destination));
        let place = known.unwrap_or_else(|| {
            let until = |path: &Option<Path>| path.map(|path| path.until);
            let oldest = self.paths.iter().enumerate().min_by_key(|(_, path)| until(path));
            oldest.map_or(0, |(index, _)| index)
        });
        self.paths[place] = Some(Path { destination, mtu, until: now + HOLDS });
        self.known = self.paths.iter().flatten().count();
    }

    /// The largest packet for `destination`, if it is known to be below the link's.
    #[inline]
    pub(crate) fn mtu(&self, now: Instant, destination: Ipv4Addr) -> Option<usize> {
        if self.known == 0 {
            return None;
        }
        let mut paths = self.paths.iter().flatten();
        paths.find(|p| p.destination == destination && now < p.until).map(|p| p.mtu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn host(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 9, last)
    }

    #[test]
    fn a_path_is_remembered_for_a_while() {
        let mut paths = Paths::default();
        paths.note(Instant::ZERO, host(1), 1400);
        assert_eq!(paths.mtu(Instant::ZERO, host(1)), Some(1400));
        assert_eq!(paths.mtu(Instant::ZERO, host(2)), None);
        let end = Instant::ZERO + HOLDS;
        assert_eq!(paths.mtu(Instant::from_nanos(end.as_nanos() - 1), host(1)), Some(1400));
        assert_eq!(paths.mtu(end, host(1)), None);
    }

    #[test]
    fn impossible_values_are_ignored() {
        let mut paths = Paths::default();
        paths.note(Instant::ZERO, host(1), 67);
        assert_eq!(paths.mtu(Instant::ZERO, host(1)), None);
        paths.note(Instant::ZERO, host(1), 68);
        assert_eq!(paths.mtu(Instant::ZERO, host(1)), Some(68));
    }

    #[test]
    fn a_path_never_grows_before_its_time_is_over() {
        let mut paths = Paths::default();
        paths.note(Instant::ZERO, host(1), 1000);
        let later = Instant::from_millis(300_000);
        paths.note(later, host(1), 1400);
        assert_eq!(paths.mtu(later, host(1)), Some(1000));
        assert_eq!(paths.mtu(Instant::ZERO + HOLDS, host(1)), None, "nor does it hold longer");
        paths.note(later, host(1), 600);
        paths.note(later + HOLDS, host(1), 1400);
        assert_eq!(paths.mtu(later + HOLDS, host(1)), Some(1400));
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut paths = Paths::default();
        for last in 0..=PATHS as u8 {
            paths.note(Instant::from_millis(u64::from(last)), host(last), 1000);
        }
        let now = Instant::from_millis(100);
        assert_eq!(paths.mtu(now, host(0)), None);
        assert!((1..=PATHS as u8).all(|last| paths.mtu(now, host(last)) == Some(1000)));
    }
}
