//! The path MTU to hosts behind smaller links (RFC 1191).

use core::{net::Ipv4Addr, time::Duration};

use netif::Instant;

/// How many paths are remembered; one more replaces the oldest.
const PATHS: usize = 16;

/// How long a path MTU holds before the larger one is tried again (RFC 1191 6.3).
const HOLDS: Duration = Duration::from_secs(600);

/// The smallest MTU that a link may have (RFC 791): smaller values are lies.
const LEAST: usize = 68;

/// The least that packets are made for. Hardly any path takes less than this (Linux has the same floor,
/// `net.ipv4.route.min_pmtu`), and who forges a report would have large replies go in a thousand pieces.
/// Where a path does take less, routers make the pieces: what goes there may be fragmented, which RFC 1191 3
/// offers as the other answer to a report.
const FLOOR: usize = 552;

/// What is known of paths; any host can forge it, so it only ever makes packets smaller, never below
/// [`FLOOR`], and not for long.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paths {
    paths: [Option<Path>; PATHS],
    known: usize,
}

/// What a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathMtu {
    /// The largest packet that is sent there.
    pub(crate) mtu: usize,
    /// Whether it is said to take less than that, so that routers have to be allowed to fragment.
    pub(crate) below_floor: bool,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    destination: Ipv4Addr,
    mtu: PathMtu,
    until: Instant,
}

impl Paths {
    /// Notes that packets of more than `mtu` bytes do not get to `destination`; says whether that is less
    /// than the floor. What would make packets larger than they are is not believed (RFC 1191 3).
    pub(crate) fn note(&mut self, now: Instant, destination: Ipv4Addr, mtu: usize) -> bool {
        if mtu < LEAST {
            return false;
        }
        let below_floor = mtu < FLOOR;
        let mtu = PathMtu { mtu: mtu.max(FLOOR), below_floor };
        let smaller = |known: PathMtu| known.mtu < mtu.mtu || known.below_floor && !below_floor;
        if self.find(now, destination).is_some_and(smaller) {
            return below_floor;
        }
        let known = self.paths.iter().position(|p| p.is_some_and(|p| p.destination == destination));
        let place = known.unwrap_or_else(|| {
            let until = |path: &Option<Path>| path.map(|path| path.until);
            let oldest = self.paths.iter().enumerate().min_by_key(|(_, path)| until(path));
            oldest.map_or(0, |(index, _)| index)
        });
        self.paths[place] = Some(Path { destination, mtu, until: now + HOLDS });
        self.known = self.paths.iter().flatten().count();
        below_floor
    }

    /// What the path to `destination` takes, of which the first link takes `link` bytes.
    #[inline]
    pub(crate) fn mtu(&self, now: Instant, destination: Ipv4Addr, link: usize) -> PathMtu {
        let whole = PathMtu { mtu: link, below_floor: false };
        if self.known == 0 {
            return whole;
        }
        let known = self.find(now, destination);
        known.map_or(whole, |known| PathMtu { mtu: known.mtu.min(link), ..known })
    }

    /// What is known of the path to `destination`.
    #[inline(never)]
    fn find(&self, now: Instant, destination: Ipv4Addr) -> Option<PathMtu> {
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

    /// A path that takes packets of `mtu` bytes.
    const fn takes(mtu: usize) -> Option<PathMtu> {
        Some(PathMtu { mtu, below_floor: false })
    }

    /// A path that takes less than what is sent there.
    const LESS: Option<PathMtu> = Some(PathMtu { mtu: FLOOR, below_floor: true });

    #[test]
    fn a_path_is_remembered_for_a_while() {
        let mut paths = Paths::default();
        paths.note(Instant::ZERO, host(1), 1400);
        assert_eq!(paths.find(Instant::ZERO, host(1)), takes(1400));
        assert_eq!(paths.find(Instant::ZERO, host(2)), None);
        let end = Instant::ZERO + HOLDS;
        assert_eq!(paths.find(Instant::from_nanos(end.as_nanos() - 1), host(1)), takes(1400));
        assert_eq!(paths.find(end, host(1)), None);
    }

    #[test]
    fn impossible_values_are_ignored() {
        let mut paths = Paths::default();
        paths.note(Instant::ZERO, host(1), 67);
        assert_eq!(paths.find(Instant::ZERO, host(1)), None);
        paths.note(Instant::ZERO, host(1), 68);
        assert_eq!(paths.find(Instant::ZERO, host(1)), LESS);
    }

    #[test]
    fn packets_are_made_for_no_less_than_the_floor() {
        let mut paths = Paths::default();
        for (mtu, below, known) in [
            (67, false, None),
            (553, false, takes(553)),
            (552, false, takes(552)),
            (551, true, LESS),
            (68, true, LESS),
            // What was believed stays, and no longer than before.
            (552, false, LESS),
            (1400, false, LESS),
        ] {
            assert_eq!(paths.note(Instant::ZERO, host(1), mtu), below, "{mtu}");
            assert_eq!(paths.find(Instant::ZERO, host(1)), known, "{mtu}");
        }
        let end = Instant::ZERO + HOLDS;
        assert_eq!(paths.find(end, host(1)), None);
        assert!(!paths.note(end, host(1), 552));
        assert_eq!(paths.find(end, host(1)), takes(552));
    }

    #[test]
    fn a_path_never_grows_before_its_time_is_over() {
        let mut paths = Paths::default();
        paths.note(Instant::ZERO, host(1), 1000);
        let later = Instant::from_millis(300_000);
        paths.note(later, host(1), 1400);
        assert_eq!(paths.find(later, host(1)), takes(1000));
        assert_eq!(paths.find(Instant::ZERO + HOLDS, host(1)), None, "nor does it hold longer");
        paths.note(later, host(1), 600);
        paths.note(later + HOLDS, host(1), 1400);
        assert_eq!(paths.find(later + HOLDS, host(1)), takes(1400));
    }

    #[test]
    fn a_link_that_takes_less_counts() {
        let mut paths = Paths::default();
        let mtu = |paths: &Paths, link| Some(paths.mtu(Instant::ZERO, host(1), link));
        assert_eq!(mtu(&paths, 1500), takes(1500));
        paths.note(Instant::ZERO, host(1), 1400);
        assert_eq!((mtu(&paths, 1500), mtu(&paths, 1000)), (takes(1400), takes(1000)));
        paths.note(Instant::ZERO, host(1), 68);
        assert_eq!(mtu(&paths, 1500), LESS);
        assert_eq!(mtu(&paths, 300), Some(PathMtu { mtu: 300, below_floor: true }));
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut paths = Paths::default();
        for last in 0..=PATHS as u8 {
            paths.note(Instant::from_millis(u64::from(last)), host(last), 1000);
        }
        let now = Instant::from_millis(100);
        assert_eq!(paths.find(now, host(0)), None);
        assert!((1..=PATHS as u8).all(|last| paths.find(now, host(last)) == takes(1000)));
    }
}
