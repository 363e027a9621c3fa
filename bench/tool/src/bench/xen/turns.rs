//! Guests of one Xen that take turns.

use std::net::SocketAddrV4;

use anyhow::Result;
use lab::xen::{Domain, Machine, Question, Settings, plain};

use super::{
    SERVING_WITHIN,
    report::{Figure, Report},
};

/// A guest that is measured.
pub(crate) struct Guest<'a> {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// Where it serves, and how it is asked whether it does.
    pub(crate) to: SocketAddrV4,
    pub(crate) question: Question,
    pub(crate) settings: Settings<'a>,
}

/// Has `take` measure each of these loads so many rounds, with all guests there and one of them asked at a time. A load has
/// words that say what is asked, and what is counted.
///
/// # Errors
/// A guest does not start, and those of `take`.
pub(crate) fn in_turn<L: Copy>(
    machine: &Machine,
    guests: &[Guest<'_>],
    (loads, rounds): (&[(String, L)], u32),
    mut take: impl FnMut(&Guest<'_>, L, &str) -> Result<Figure>,
    report: &mut Report,
) -> Result<()> {
    let mut domains = Vec::new();
    for guest in guests {
        eprintln!("starting {}", guest.name);
        let domain = Domain::create(machine, &guest.settings, plain(), |_| ())?;
        domain.wait_for_line(0, SERVING_WITHIN, lab::is_serving)?;
        domains.push(domain);
    }
    for (what, load) in loads {
        eprintln!("{what}: {rounds} rounds");
        for round in 0..rounds as usize {
            // The one that was last is first in the next round.
            for guest in (0..guests.len()).map(|number| &guests[(number + round) % guests.len()]) {
                report.load(what, guest.name, take(guest, *load, what)?);
            }
        }
    }
    domains.into_iter().try_for_each(Domain::destroy)
}

/// Starts each of the guests so often, and asks it until it replies.
///
/// # Errors
/// A guest does not start, or gives no reply.
pub(crate) fn starts(
    machine: &Machine,
    guests: &[Guest<'_>],
    count: u32,
    report: &mut Report,
) -> Result<()> {
    for number in 1..=count {
        for Guest { name, to, question, settings } in guests {
            eprintln!("start {number} of {count}: {name}");
            let (domain, started) = Domain::create_timed(machine, settings, *to, *question)?;
            report.start(name, started);
            domain.destroy()?;
        }
    }
    Ok(())
}
