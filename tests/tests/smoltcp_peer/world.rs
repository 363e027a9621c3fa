//! Both hosts with the path between them, and conversations one after the other.

use std::time::Duration;

use layer::Instant;
use rt_regions::Region;
use smoltcp::socket::tcp::State;
use tcp::{Broken, StreamError};
use testkit::{Clock, PathEnd, Quality, Random, program_memory};

use super::{
    conversation::Seen,
    ours::{Ours, Outcome},
    peer::Peer,
    plan::{Kind, Plans},
};

/// How many conversations a world has.
const CONVERSATIONS: u16 = 8;

/// How long a conversation may take: several times what the longest of thousands took.
const fn patience(kind: Kind) -> Duration {
    let minutes = match kind {
        Kind::Any | Kind::Reset => 30,
        Kind::Lossy => 90,
        // Readers that stop for two seconds on the average.
        Kind::Stopping => 150,
    };
    Duration::from_secs(60 * minutes)
}

/// Until then, everything is over that waits for its end: TIME-WAIT, FIN-WAIT-2, and FINs that nobody answers.
const AFTERMATH: Duration = Duration::from_secs(1800);

/// How many pages our host keeps for the next connection: four of connections, four of buffers, one of the packet.
const KEPT_PAGES: usize = 9;

/// Our host and smoltcp, with one clock.
struct World {
    ours: Ours,
    peer: Peer,
    clock: Clock,
    steps: u64,
}

/// Runs the conversations of one world. All of them follow from `seed`.
///
/// # Panics
/// Something went wrong; the message has the seed.
pub(crate) fn run(kind: Kind, seed: u64) -> Seen {
    let mut random = Random::new(seed);
    let mut ends = PathEnd::pair(Quality::PERFECT, seed);
    let mtu = [576, 1_500, 1_500, 9_000][random.below(4)];
    for end in &mut ends {
        end.mtu = mtu;
    }
    // In little memory now and then, so that our buffers are small.
    let pages = if random.once_in(3) || kind == Kind::Stopping { 128 } else { 2_048 };
    let clock = Clock::starting_at(Instant::from_millis(1_000));
    let [end, other] = ends;
    let packets = Region::new(program_memory(16).pool().expect("a pool"), "smoltcp");
    let mut world = World {
        ours: Ours::new(end, clock.clone(), pages),
        peer: Peer::new(other, packets, clock.now(), seed),
        clock,
        steps: 0,
    };
    world.ours.host.turn();
    let free = world.ours.free_pages();
    let mut seen = Seen::default();
    for number in 0..CONVERSATIONS {
        let plans = Plans::new(kind, &mut random);
        let context = format!("{kind:?}, SEED={seed} RUNS=1, conversation {number}");
        let guard = Context(&context, &plans);
        world.converse(kind, &plans, number, &context, &mut seen);
        let left = world.ours.free_pages();
        assert!(left + KEPT_PAGES >= free, "{context}: of {free} pages {left} are free");
        std::mem::forget(guard);
    }
    seen.steps = world.steps;
    let sent = [world.ours.host.tower.network(), &world.peer.device.end].map(|end| end.sent()[0]);
    seen.packets = sent.iter().sum();
    seen.zero_windows = world.peer.device.zero_windows;
    seen.zero_windows.reverse();
    seen
}

/// Says where a test was when it panicked: forgotten if all went well.
struct Context<'a>(&'a str, &'a Plans);

impl Drop for Context<'_> {
    fn drop(&mut self) {
        eprintln!("{}: {:?}", self.0, self.1);
    }
}

impl World {
    fn converse(&mut self, kind: Kind, plans: &Plans, number: u16, context: &str, seen: &mut Seen) {
        let begin = self.clock.now();
        self.ours.host.tower.network().set_quality(plans.quality);
        self.peer.device.end.set_quality(plans.quality);
        // Whoever is connected to listens first.
        let from = (!plans.we_connect).then_some(40_000 + number);
        self.peer.begin(begin, &plans.settings, plans.peer, from);
        self.ours.begin(plans.ours, plans.we_connect);
        let (mut ours_shut, mut peer_shut) = (None, None);
        let is_over = self.run_until(begin + patience(kind), |world| {
            let ours = world.ours.outcome();
            let peer = world.peer.progress();
            if ours.sent == plans.ours.sends && ours_shut.is_none() {
                ours_shut = Some(peer[0] + 1_000 < plans.peer.sends);
            }
            if peer[0] == plans.peer.sends && peer_shut.is_none() {
                peer_shut = Some(ours.sent + 1_000 < plans.ours.sends);
            }
            ours.end.is_some() && world.peer.is_done()
        });
        let ours = self.ours.outcome();
        let state = self.peer.state();
        let [sent, received] = self.peer.progress();
        let end = format!(
            "{context}: {ours:?}; smoltcp is in {state}, has sent {sent} and received {received}"
        );
        assert!(is_over, "{end}: it does not end");
        let took = self.clock.now().since(begin).as_secs();
        let may_break = plans.ours.may_be_reset;
        if may_break {
            assert!(ended_well_or_reset(&ours), "{end}");
        } else {
            // smoltcp's TIME-WAIT takes ten seconds: a FIN of ours that comes later is answered by a reset.
            let was_late = ours.end == Some(Err(StreamError::Broken(Broken::Reset)));
            assert!(ours.end == Some(Ok(())) || was_late, "{end}");
            seen.late_fins += u64::from(was_late);
            assert_eq!(ours.received, plans.ours.expects, "{end}");
            assert_eq!(received, plans.peer.expects, "{end}");
        }
        self.run_until(self.clock.now() + AFTERMATH, |_| false);
        assert_eq!(self.ours.connections(), 0, "{end}: a connection is left");
        assert!(matches!(self.peer.state(), State::Closed | State::Listen), "{end}");
        seen.conversations += 1;
        seen.ours_connected += u64::from(plans.we_connect);
        seen.peer_connected += u64::from(!plans.we_connect);
        seen.half_closed[0] += u64::from(ours_shut == Some(true));
        seen.half_closed[1] += u64::from(peer_shut == Some(true));
        seen.resets[0] += u64::from(ours.has_reset);
        seen.resets[1] += u64::from(self.peer.has_reset());
        seen.longest = seen.longest.max(took);
    }

    /// Lets both do what they have to do, until `end` or until `done`; says whether it is done.
    fn run_until(&mut self, end: Instant, mut done: impl FnMut(&Self) -> bool) -> bool {
        let mut at_once = 0;
        loop {
            while self.ours.host.turn() | self.peer.turn(self.clock.now()) {
                self.steps += 2;
            }
            self.steps += 2;
            if done(self) {
                return true;
            }
            let now = self.clock.now();
            let peer = self.peer.next_deadline(now);
            let next = Instant::earliest(self.ours.next_deadline(), peer);
            let Some(next) = next.filter(|next| *next <= end) else { break };
            at_once = if next > now { 0 } else { at_once + 1 };
            assert!(
                at_once < 1_000,
                "a deadline is never met: {:?} {peer:?}",
                self.ours.next_deadline()
            );
            self.clock.advance_to(next);
        }
        self.clock.advance_to(end);
        false
    }
}

/// Whether it ended as both wanted, or by a reset or the silence after one that was lost.
fn ended_well_or_reset(outcome: &Outcome) -> bool {
    matches!(outcome.end, Some(Ok(()) | Err(StreamError::Broken(Broken::Reset | Broken::TimedOut))))
}
