//! Which of the servers' samples is believed.

use layer::Instant;

use crate::sample::Sample;

/// The sample that is believed at `now`: of those that can be right together with the most others, the one that is least
/// wrong. It agrees with more than half of those that there are, itself counted; where none does, none is believed.
///
/// The intervals around the samples are those that RFC 5905 11.2.1 intersects. If more than half of the servers are right, the
/// one that is chosen is wrong by no more than its own distance and twice that of a server that is right: a liar can only say
/// what such a server takes for possible.
pub(crate) fn select(
    samples: impl Iterator<Item = Sample> + Clone,
    now: Instant,
) -> Option<Sample> {
    let usable = samples.filter(|sample| sample.is_usable(now));
    let count = usable.clone().count();
    let supporters =
        |sample: &Sample| usable.clone().filter(|other| sample.agrees(other, now)).count();
    let mut chosen: Option<(usize, Sample)> = None;
    for sample in usable.clone() {
        let supporters = supporters(&sample);
        let is_better = chosen.is_none_or(|(most, best)| {
            supporters > most || supporters == most && sample.distance(now) < best.distance(now)
        });
        if supporters * 2 > count && is_better {
            chosen = Some((supporters, sample));
        }
    }
    chosen.map(|(_, sample)| sample)
}

#[cfg(test)]
mod tests;
