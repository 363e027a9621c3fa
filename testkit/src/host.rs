//! A tower with the loop that a runtime would run it in, turned by hand.

use std::time::Duration;

use layer::{Instant, Layer, Rx};
use rt_regions::{Pool, Region};
use tasks::{PollTasks, Tasks};

use crate::Clock;

/// How often [`Host::sleep`] wakes at one and the same deadline before it takes it for one that is never met.
const TURNS_AT_A_DEADLINE: usize = 1000;

/// A tower of layers, the clock that it goes by, and the region that its packets are received into: one host of a
/// network in memory. What the loop of a runtime does by itself happens here when a test says so.
#[derive(Debug)]
pub struct Host<'p, L> {
    /// The highest layer of the tower, with the services that are bound to it.
    pub tower: L,
    clock: Clock,
    packet: Region<'p>,
    tasks: Option<&'static Tasks>,
}

impl<'p, L: Layer> Host<'p, L> {
    /// A host with this tower and this clock, whose packets are received into pages of `pool`. Hosts that are to
    /// have the same time are given clones of one clock.
    pub fn new(tower: L, clock: Clock, pool: &'p Pool<'p>) -> Self {
        Self { tower, clock, packet: Region::new(pool, "packet"), tasks: None }
    }

    /// This host, which also polls these tasks: those that the tower's services are made of.
    #[must_use]
    pub fn with_tasks(self, tasks: &'static Tasks) -> Self {
        Self { tasks: Some(tasks), ..self }
    }

    /// The time that the clock shows.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The clock, to be turned.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Takes in all that has arrived, and does what is due, as the loop of a runtime does before it sleeps: tasks are polled
    /// that are due, with the line of a task that ended with an error on standard error. What no
    /// layer and no service claims is given back to the tower by [`Layer::unclaimed`]. The region of the packet is
    /// empty afterwards, and keeps a page at most. Says whether there was anything.
    ///
    /// # Panics
    /// The device below the tower is broken; or the tower has become [ready](Layer::ready) and says that there was nothing to do.
    pub fn turn(&mut self) -> bool {
        let now = self.clock.now();
        let mut was_busy = false;
        loop {
            self.packet.reset();
            let before = self.ready();
            let received = self.tower.receive(now, &self.packet);
            match received.unwrap_or_else(|error| panic!("the device is broken: {error}")) {
                Rx::Item(item) => self
                    .tower
                    .unclaimed(now, item)
                    .unwrap_or_else(|error| panic!("the device is broken: {error}")),
                Rx::Handled => {}
                Rx::Idle if self.tasks.is_some_and(|tasks| tasks.is_due(now)) => {}
                Rx::Idle => {
                    assert_eq!(self.ready(), before, "a program that sleeps now says it late");
                    break;
                }
            }
            if let Some(tasks) = self.tasks {
                tasks.run(now, &mut |line| eprintln!("{line}"));
            }
            was_busy = true;
        }
        self.packet.reset();
        was_busy
    }

    /// Lets `time` pass: turns the clock from deadline to deadline of the tower, with a [`turn`](Self::turn) at each
    /// and one in the end. The clock turns for every host that shares it.
    ///
    /// # Panics
    /// The device below the tower is broken, or the tower stays at a deadline for ever, so that a loop would never
    /// sleep.
    pub fn sleep(&mut self, time: Duration) {
        let end = self.now() + time;
        let mut turns = 0;
        while let Some(deadline) = self.next_deadline().filter(|&deadline| deadline <= end) {
            turns = if deadline > self.now() { 0 } else { turns + 1 };
            assert!(turns < TURNS_AT_A_DEADLINE, "the deadline {deadline} is never met");
            self.clock.advance_to(deadline);
            self.turn();
        }
        self.clock.advance_to(end);
        self.turn();
    }

    /// Lets `time` pass for this host and for another one that has a clone of its clock, or less, until `done` says so: turns
    /// both until neither has anything to do, and then the clock to the next deadline of either.
    ///
    /// # Panics
    /// A device below one of the towers is broken, or a host stays at a deadline for ever.
    pub fn run_with<M: Layer>(
        &mut self,
        other: &mut Host<'_, M>,
        time: Duration,
        done: impl Fn() -> bool,
    ) {
        let end = self.now() + time;
        let mut turns = 0;
        loop {
            while self.turn() | other.turn() {}
            if done() {
                return;
            }
            let (ours, theirs) = (self.next_deadline(), other.next_deadline());
            let next = Instant::earliest(ours, theirs);
            let Some(next) = next.filter(|&next| next <= end) else { break };
            turns = if next > self.now() { 0 } else { turns + 1 };
            assert!(turns < TURNS_AT_A_DEADLINE, "never met: {next} of {ours:?} and {theirs:?}");
            self.clock.advance_to(next);
        }
        self.clock.advance_to(end);
    }

    /// Whether the tower can serve, or why it never will.
    fn ready(&self) -> Result<bool, String> {
        self.tower.ready().map_err(|reason| reason.to_string())
    }

    /// The earliest deadline of the tower and the tasks.
    pub fn next_deadline(&self) -> Option<Instant> {
        let tasks = self.tasks.and_then(|tasks| tasks.next_deadline());
        Instant::earliest(self.tower.next_deadline(), tasks)
    }

    /// What the counter `name` of the layer `layer` says: `counter("udp", "datagrams_rx")`.
    ///
    /// # Panics
    /// The tower has no such counter.
    pub fn counter(&self, layer: &str, name: &str) -> u64 {
        counter(&self.tower, layer, name)
    }
}

/// What the counter `name` of the layer `layer` says, in the tower with this layer on top.
///
/// # Panics
/// The tower has no such counter.
pub fn counter(tower: &impl Layer, layer: &str, name: &str) -> u64 {
    let mut value = None;
    tower.counters(&mut |counter| {
        if (counter.layer, counter.name) == (layer, name) {
            value = Some(counter.value);
        }
    });
    value.unwrap_or_else(|| panic!("there is no counter {layer}.{name}"))
}
