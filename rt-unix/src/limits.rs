//! The size of the pool, within the limits of the control groups, of the process and of the machine.

mod sources;

use std::fmt;

use rt::Error;

use crate::arguments::LEAST_MEMORY;

pub(crate) use sources::read;

/// The default size of the pool in bytes, if there is room for it.
const DEFAULT_MEMORY: u64 = 64 << 20;

/// The memory of the process beside the pool, in bytes: 2.5 MiB of its own, and the kernel's memory for it.
const OWN: u64 = 4 << 20;

/// The bytes that the process maps after the pool.
const MAPPED_LATER: u64 = 1 << 20;

/// The bytes that reading the texts of the log takes, once.
const LOG: u64 = if cfg!(feature = "defmt") { 8 << 20 } else { 0 };

/// A bound of the memory of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) kind: Kind,
    /// The limit, in bytes.
    pub(crate) bytes: u64,
    /// The source of the limit: the name of a file or of a resource.
    pub(crate) source: String,
}

/// What a limit bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The memory that the process holds: beyond the limit, the kernel kills a process.
    Held,
    /// The memory that the process holds: beyond the limit, this process or another one becomes slow.
    Slow,
    /// The memory that the process can still map, held or not.
    Mapped,
}

/// The size of a pool, and a line about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) memory: usize,
    pub(crate) words: Option<String>,
}

/// Sizes the pool: as it was `asked` for in bytes, or by default. The process needs `more` bytes beside the
/// pool and [`OWN`].
///
/// # Errors
/// The size that was asked for cannot fit (status 2), or no pool fits (status 1). The message has the
/// figures.
pub(crate) fn plan(asked: Option<usize>, more: u64, limits: &[Limit]) -> Result<Plan, Error> {
    let more = more + LOG;
    match asked {
        Some(memory) => check(memory, more, limits),
        None => choose(more, limits),
    }
}

/// The default, or all that is left of the smallest limit.
fn choose(more: u64, limits: &[Limit]) -> Result<Plan, Error> {
    let least = LEAST_MEMORY as u64;
    let Some((room, limit)) = tightest(more, limits).filter(|(room, _)| *room < DEFAULT_MEMORY)
    else {
        return Ok(Plan { memory: DEFAULT_MEMORY as usize, words: None });
    };
    let memory = round(room);
    if memory < least && limit.kind != Kind::Slow {
        let needed = Size(limit.bytes + (least - room.min(least)));
        return Err(Error::new(1, format_args!("no memory: {limit}, {needed} at least")));
    }
    let memory = memory.max(least);
    let words = format!("memory: {}, not {}: {limit}", Size(memory), Size(DEFAULT_MEMORY));
    Ok(Plan { memory: memory as usize, words: Some(words) })
}

/// Refuses a size that cannot fit, and warns of one that may not.
fn check(memory: usize, more: u64, limits: &[Limit]) -> Result<Plan, Error> {
    let (asked, own) = (memory as u64, OWN + more);
    for limit in limits {
        let most = match limit.kind {
            // The table of the pages, 8 bytes for each, and a quarter of them: what strangers can fill with
            // fragments.
            Kind::Held => limit.bytes.saturating_sub(own).saturating_mul(512) / (128 + 1),
            Kind::Mapped => limit.room(more),
            Kind::Slow => continue,
        };
        if asked > most {
            let (asked, most) = (Size(asked), Size(round(most)));
            return Err(Error::new(2, format_args!("--memory={asked}: {limit}: {most} at most")));
        }
    }
    let words = tightest(more, limits).filter(|(room, _)| asked > *room).map(|(room, limit)| {
        let (asked, all, room) = (Size(asked), Size(asked + own), Size(round(room)));
        format!(
            "--memory={asked} may not fit: {all} if all of it is used, and {limit}; {room} fits"
        )
    });
    Ok(Plan { memory, words })
}

/// The limit that leaves the least to the pool, and how much it leaves.
fn tightest(more: u64, limits: &[Limit]) -> Option<(u64, &Limit)> {
    limits.iter().map(|limit| (limit.room(more), limit)).min_by_key(|(room, _)| *room)
}

/// The size, rounded down to one that is easy to read and to type.
fn round(size: u64) -> u64 {
    let unit = match size >> 20 {
        0 => 4 << 10,
        1..16 => 64 << 10,
        _ => 1 << 20,
    };
    size / unit * unit
}

impl Limit {
    /// The bytes that it leaves to a pool of which every page is used.
    fn room(&self, more: u64) -> u64 {
        let own = match self.kind {
            Kind::Held | Kind::Slow => OWN,
            Kind::Mapped => MAPPED_LATER,
        };
        self.bytes.saturating_sub(own + more)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, bytes, source } = self;
        let left = if *kind == Kind::Mapped { "leaves" } else { "is" };
        write!(f, "{source} {left} {}", Size(*bytes))
    }
}

/// A number of bytes, in the form of `--memory` if it is a whole number of some unit.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let units = [(30, 'G'), (20, 'M'), (10, 'K')];
        if let Some((shift, unit)) =
            units.iter().find(|(shift, _)| bytes >> shift << shift == bytes)
            && bytes > 0
        {
            return write!(f, "{}{unit}", bytes >> shift);
        }
        match units.iter().find(|(shift, _)| bytes >> shift >= 10) {
            Some((shift, unit)) => write!(f, "{}{unit}", bytes >> shift),
            None => write!(f, "{bytes}"),
        }
    }
}

#[cfg(all(test, not(feature = "defmt")))]
mod tests {
    use super::*;

    const M: u64 = 1 << 20;

    fn limit(kind: Kind, bytes: u64) -> Limit {
        Limit { kind, bytes, source: "memory.max".into() }
    }

    fn planned(asked: Option<u64>, limits: &[Limit]) -> Result<(u64, String), String> {
        plan(asked.map(|bytes| bytes as usize), 0, limits)
            .map(|Plan { memory, words }| (memory as u64, words.unwrap_or_default()))
            .map_err(|error| format!("{} {error}", error.status()))
    }

    #[test]
    fn a_pool_that_nobody_asked_for_fits() {
        let silent = |memory| Ok((memory, String::new()));
        assert_eq!(planned(None, &[]), silent(64 * M));
        for kind in [Kind::Held, Kind::Slow, Kind::Mapped] {
            assert_eq!(planned(None, &[limit(kind, 68 * M)]), silent(64 * M));
        }
        let words = "memory: 12M, not 64M: memory.max is 16M";
        let limits = [limit(Kind::Held, 40 * M), limit(Kind::Held, 16 * M)];
        assert_eq!(planned(None, &limits), Ok((12 * M, words.into())));
        let words = "memory: 15M, not 64M: memory.max leaves 16M";
        assert_eq!(planned(None, &[limit(Kind::Mapped, 16 * M)]), Ok((15 * M, words.into())));
        let least = LEAST_MEMORY as u64;
        assert_eq!(planned(None, &[limit(Kind::Slow, M)]).unwrap().0, least);
        let error = planned(None, &[limit(Kind::Held, 4 * M)]).unwrap_err();
        assert_eq!(
            error,
            format!("1 no memory: memory.max is 4M, {} at least", Size(4 * M + least))
        );
        assert!(planned(None, &[limit(Kind::Held, 4 * M + least)]).is_ok());
    }

    #[test]
    fn a_pool_that_cannot_fit_is_refused_in_figures() {
        for (kind, bytes, asked, words) in [
            (Kind::Held, 16, 64, "2 --memory=64M: memory.max is 16M: 47M at most"),
            (Kind::Held, 2, 1, "2 --memory=1M: memory.max is 2M: 0 at most"),
            (Kind::Mapped, 16, 16, "2 --memory=16M: memory.max leaves 16M: 15M at most"),
        ] {
            assert_eq!(planned(Some(asked * M), &[limit(kind, bytes * M)]), Err(words.into()));
        }
        assert!(planned(Some(47 * M), &[limit(Kind::Held, 16 * M)]).is_ok());
        assert!(planned(Some(15 * M), &[limit(Kind::Mapped, 16 * M)]).is_ok());
    }

    #[test]
    fn a_pool_that_may_not_fit_is_warned_of() {
        let words =
            "--memory=32M may not fit: 36M if all of it is used, and memory.max is 16M; 12M fits";
        for kind in [Kind::Held, Kind::Slow] {
            let planned = planned(Some(32 * M), &[limit(kind, 16 * M)]);
            assert_eq!(planned, Ok((32 * M, words.into())));
        }
        let fits = planned(Some(12 * M), &[limit(Kind::Held, 16 * M)]);
        assert_eq!(fits, Ok((12 * M, String::new())));
    }

    #[test]
    fn sizes_are_written_as_they_are_typed() {
        for (bytes, text) in [
            (0, "0"),
            (1000, "1000"),
            (64 << 10, "64K"),
            (64 * M, "64M"),
            (1 << 30, "1G"),
            (12 * M + (64 << 10), "12352K"),
            ((23 << 30) + 1, "23G"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
