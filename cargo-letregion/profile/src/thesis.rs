//! The system that this one succeeds, replayed: what its reassembly left reachable, on regions of ours.
//!
//! There, an entry that was looked for was kept and those before it were dropped, so none of those that
//! mattered ever went: after each request its fragments and the whole datagram stayed reachable from a
//! global reference, that is, in a global region. Nothing else of that system is in the replay.

use anyhow::{Context, Result};
use rt_regions::{List, Pool, Profile, Region};

use super::series::Series;

/// What a fragment carries, in bytes: an MTU of 1500 without the IPv4 header.
const FRAGMENT: usize = 1480;
/// The memory of the replay, in bytes.
const MEMORY: usize = 16 << 20;

/// The replay of a number of requests.
#[derive(Debug)]
pub(crate) struct Replay {
    /// What the regions held, sampled after each frame.
    pub(crate) series: Series,
    /// How many fragments are reachable at the end.
    pub(crate) fragments: usize,
    /// How many whole datagrams are.
    pub(crate) datagrams: usize,
}

/// Replays so many requests of `length` bytes.
pub(crate) fn replay(requests: usize, length: usize) -> Result<Replay> {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); MEMORY];
    let mut notes = vec![std::mem::MaybeUninit::uninit(); MEMORY];
    let (pool, apart) = (Pool::new(&mut memory), Pool::new(&mut notes));
    let notes = Region::new(&apart, "profile");
    let mut profile = Profile::new(&notes, 2048, 1)?;

    let fragments = Region::new(&pool, "fragments");
    let datagrams = Region::new(&pool, "datagrams");
    let mut waiting: List<'_, &[u8]> = List::EMPTY;
    let mut whole: List<'_, &[u8]> = List::EMPTY;
    let request = vec![7; length];
    for _ in 0..requests {
        let mut frames = request.chunks(FRAGMENT).peekable();
        while let Some(frame) = frames.next() {
            waiting = waiting.before(fragments.alloc_slice(frame)?, &fragments)?;
            if frames.peek().is_none() {
                whole = whole.before(datagrams.alloc_slice(&request)?, &datagrams)?;
            }
            profile.tick(&pool, profile.ticks());
        }
    }
    let mut text = String::new();
    profile.write_csv(&mut text).context("cannot write the profile of the replay")?;
    Ok(Replay {
        series: Series::read(&text)?,
        fragments: waiting.iter().count(),
        datagrams: whole.iter().count(),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::verdict::judge, *};

    #[test]
    fn all_fragments_and_datagrams_stay_and_the_verdict_is_fail() {
        let Replay { series, fragments, datagrams } = replay(50, 29_202).unwrap();
        assert_eq!((fragments, datagrams), (1000, 50));
        assert_eq!(series.moments.len(), 1000);
        let verdicts = judge(&series);
        assert_eq!(verdicts.len(), 2);
        assert!(verdicts.iter().all(|verdict| !verdict.passed), "{verdicts:?}");
        // Two fragments to a page, and a short one where there is room; a datagram is a run of eight
        // pages, and the list of them has a page.
        assert!((450..=500).contains(&verdicts[0].last_pages), "{verdicts:?}");
        assert_eq!(verdicts[1].last_pages, 401);
    }
}
