//! Our host, on one core or on two, with all cores in one thread.

use std::{cell::Cell, time::Duration};

use cores::{Core, Cores, Doorbell, Sizes};
use ethernet::Ethernet;
use hub::Hub;
use layer::{Instant, Layer};
use netif::MacAddr;
use network::Network;
use rt_regions::Region;
use share::Share;
use steer::Steer;
use tasks::Tasks;
use testkit::{Clock, End, Host, Wire, program_memory, with_pool};
use udp::Udp;

use super::{
    compare::Exchange,
    departures::Departure,
    frames::{ARP, IP, OUR_MAC, PORT, ethertype},
};

/// On how many cores our host runs, and how frames come to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// On one.
    Alone,
    /// On two, each with a queue of the device, as on Linux. Each frame comes to another one than the last.
    Queues,
    /// On two, of which the first has the device, as in a guest.
    Steered,
}

impl Manner {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Alone, Self::Queues, Self::Steered];

    /// What the name of a test ends with.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Alone => "",
            Self::Queues => "::on_2_cores",
            Self::Steered => "::on_2_cores_of_a_guest",
        }
    }
}

/// What is different because our host has several cores.
pub(crate) const OF_CORES: &Departure = &Departure {
    name: "each core asks for the neighbours that it needs",
    why: "RFC 826 and RFC 4861 7.2.2 leave open who of a host asks. A core does not know what another one has learnt by an answer \
          that it did not ask for, so a flow that moves to it, or a second one, makes it ask as well, at most once a second",
    parts: true,
    explains: |exchange| {
        let Exchange { ours, .. } = exchange;
        !ours.is_empty() && ours.len() <= 2 && ours.iter().all(|frame| asks_for_neighbour(frame))
    },
};

/// Whether a frame is a request of ARP, or a Neighbor Solicitation, by one who has an address.
fn asks_for_neighbour(frame: &[u8]) -> bool {
    const SOLICITATION: u8 = 135;
    let Some(packet) = frame.get(IP..) else { return false };
    match ethertype(frame) {
        Some(ARP) => packet[..8].ends_with(&[0, 1]) && packet[14..18] != packet[24..28],
        Some(0x86dd) => packet[6] == 58 && packet[40] == SOLICITATION && packet[8..24] != [0; 16],
        _ => false,
    }
}

/// How many pages the rings between the cores have, and what each core has for its ends of them.
const PAGES: usize = 256;
const PAGES_OF_ENDS: usize = 8;
/// Each takes the longest datagram, as those of a program with 16 MiB do.
const SIZES: Sizes =
    Sizes { frames: 16 << 10, packets: 128 << 10, messages: 1 << 10, wire: 128 << 10 };
/// The secret that the cores have in common, which is that of the host on one core too.
const SEED: u128 = 7;

thread_local! {
    /// The cores of all hosts of a thread, which live one after the other. Each leaves the rings empty.
    static CORES: Cell<[Core; 2]> = {
        let cores = Cores::new(program_memory(PAGES), 2, SEED, SIZES, &NoBell);
        let cores = cores.expect("there is room");
        Cell::new([0, 1].map(|index| {
            let core = Core::join(cores, index, program_memory(PAGES_OF_ENDS));
            core.expect("nobody has this place")
        }))
    };
}

/// The cores take turns, so nobody sleeps.
struct NoBell;

impl Doorbell for NoBell {
    fn ring(&self, _: usize) {}
}

/// The lowest layers of a core.
pub(crate) type Link = Hub<Ethernet<Steer<End>>>;

/// Our host, seen from outside.
pub(crate) trait Machine {
    /// Lets a frame arrive.
    fn hear(&mut self, frame: &[u8]);
    /// Lets time pass at once.
    fn pass(&mut self, time: Duration);
    /// Lets time pass, from deadline to deadline.
    fn sleep(&mut self, time: Duration);
    /// What it has sent.
    fn drain(&mut self) -> Vec<Vec<u8>>;
}

/// A host of one core or of several, each with a tower.
pub(crate) struct Team<'p, L> {
    hosts: Vec<Host<'p, L>>,
    wires: Vec<Wire>,
    /// Where the next frame comes to.
    next: usize,
}

impl<'p, L: Layer> Team<'p, L> {
    /// A host of one core.
    pub(crate) fn of_one(host: Host<'p, L>, wire: Wire) -> Self {
        Self { hosts: vec![host], wires: vec![wire], next: 0 }
    }
}

impl<L: Layer> Team<'static, L> {
    /// A host of two cores, each with `pages` pages. `tower` builds what is above the link. The memory is never given back.
    pub(crate) fn of_two(
        manner: Manner,
        pages: usize,
        tower: impl Fn(Link, Core, &'static Region<'static>) -> (L, Option<&'static Tasks>),
    ) -> Self {
        let clock = Clock::starting_at(Instant::from_millis(1));
        let mut wires = Vec::new();
        let hosts = CORES.get().map(|core| {
            let memory = program_memory(pages);
            let steer = if manner == Manner::Queues || core.is_first() {
                let (wire, end) = Wire::new(MacAddr(OUR_MAC));
                wires.push(wire);
                // With a queue of its own, no core knows of another one.
                Steer::first(end, if manner == Manner::Queues { Core::ALONE } else { core })
            } else {
                Steer::other(core, (), None)
            };
            let link = Hub::new(Ethernet::new(steer.expect("the first comes first")), core);
            let (tower, tasks) = tower(link, core, memory);
            let pool = memory.pool().expect("a program's memory is in a pool");
            let host = Host::new(tower, clock.clone(), pool);
            match tasks {
                Some(tasks) => host.with_tasks(tasks),
                None => host,
            }
        });
        Self { hosts: hosts.into(), wires, next: 0 }
    }
}

/// The layers of a host between its link and the transports.
pub(crate) trait Stack {
    /// Those over the link `L`, with their tables in memory that lives as long as `'g`.
    type Over<'g, L: ethernet::Link>: Network;

    /// Builds them for a core.
    fn over<'g, L: ethernet::Link>(
        link: L,
        core: Core,
        memory: &'g Region<'_>,
    ) -> Self::Over<'g, L>;
}

/// Calls `test` with a host that was just started, has these layers and echoes datagrams.
pub(crate) fn with_echo<S: Stack, T>(
    manner: Manner,
    pages: usize,
    test: impl FnOnce(&mut dyn Machine) -> T,
) -> T {
    if manner != Manner::Alone {
        return test(&mut Team::of_two(manner, pages, |link, core, memory| {
            (echo(Share::new(S::over(link, core, memory), core), memory), None)
        }));
    }
    with_pool(pages, |pool| {
        let memory = Region::new(pool, "memory");
        let (wire, end) = Wire::new(MacAddr(OUR_MAC));
        let udp = echo(S::over(Ethernet::new(end), Core::ALONE, &memory), &memory);
        let clock = Clock::starting_at(Instant::from_millis(1));
        test(&mut Team::of_one(Host::new(udp, clock, pool), wire))
    })
}

/// A service that echoes.
fn echo<'g, I: Network>(network: I, memory: &'g Region<'_>) -> Udp<'g, I> {
    let mut udp = Udp::new(network, 7, memory).expect("there is room");
    udp.bind(PORT, |request, _region| Ok(request)).expect("nobody has the port");
    udp
}

impl<L: Layer> Team<'_, L> {
    /// Lets each core work until none has anything to do.
    fn turn(&mut self) {
        let mut is_busy = true;
        while is_busy {
            is_busy = false;
            for host in &mut self.hosts {
                is_busy |= host.turn();
            }
        }
    }
}

impl<L: Layer> Machine for Team<'_, L> {
    fn hear(&mut self, frame: &[u8]) {
        self.wires[self.next].push(frame);
        self.next = (self.next + 1) % self.wires.len();
        self.turn();
    }

    fn pass(&mut self, time: Duration) {
        self.hosts[0].clock().advance(time);
        self.turn();
    }

    fn sleep(&mut self, time: Duration) {
        let clock = self.hosts[0].clock().clone();
        let end = clock.now() + time;
        let next = |hosts: &[Host<'_, L>]| hosts.iter().filter_map(Host::next_deadline).min();
        while let Some(deadline) = next(&self.hosts).filter(|&deadline| deadline <= end) {
            clock.advance_to(deadline);
            self.turn();
        }
        clock.advance_to(end);
        self.turn();
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        self.wires.iter().flat_map(Wire::drain).collect()
    }
}
