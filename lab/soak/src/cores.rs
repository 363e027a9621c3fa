//! A service on several cores: each has its own queue, memory and counters, and one of them answers.

use std::{cell::RefCell, collections::BTreeMap, fmt, net::UdpSocket};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    listing::{Listing, Memory, renewed},
    site::CONNECTION,
};

/// How often a frame is passed on at most before it is done with, from the core that received it: a fragment to the core that
/// puts its datagram together, and what becomes of that to the core that it is for.
const PASSES: usize = 2;
/// How often a flow is asked, so that the core that answers it can be told.
const QUESTIONS: u64 = 40;
/// How many flows are tried for each core. One in as many as there are cores comes to it.
const TRIES: usize = 64;

/// Who asks a service for what all its cores count and hold.
pub trait Reports: fmt::Debug {
    /// The lines of a report that was made after the call: the sums of the counters, the memory of the first core, and that
    /// of each other core, whose lines begin with its number (`core 1: region …`).
    ///
    /// # Errors
    /// The service does not report.
    fn report(&self) -> Result<Vec<String>>;
}

/// The cores of a service.
#[derive(Debug)]
pub(crate) struct Cores {
    reports: Box<dyn Reports>,
    /// For each core, a flow that comes to its queue.
    flows: RefCell<Vec<Listing>>,
}

impl Cores {
    /// Finds the `count` cores of a service, which is asked at its port of the counters, to which `socket` is connected.
    ///
    /// # Errors
    /// It does not report or answer, or no flow comes to one of its cores.
    pub(crate) fn find(
        count: usize,
        reports: Box<dyn Reports>,
        socket: &UdpSocket,
    ) -> Result<Self> {
        let flow = |core| find_flow(&*reports, (core, count), socket);
        let flows = (0..count).map(flow).collect::<Result<_>>()?;
        Ok(Self { reports, flows: RefCell::new(flows) })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.flows.borrow().len()
    }

    /// How many questions were asked to wait.
    pub(crate) fn asked(&self) -> u64 {
        self.flows.borrow().iter().map(Listing::asked).sum()
    }

    /// Waits until each core has taken all frames that were sent from its queue, and all that other cores passed on.
    pub(crate) fn wait(&self) -> Result<()> {
        let mut flows = self.flows.borrow_mut();
        let count = flows.len();
        let mut rounds = 0;
        while rounds <= PASSES {
            rounds += 1;
            for (core, flow) in flows.iter_mut().enumerate() {
                // A core takes what was passed to it before what is in its queue.
                flow.wait()?;
                if flow.take_renewed() {
                    // A question was lost, and what answered in the end is another flow.
                    let other = find_flow(&*self.reports, (core, count), &flow.socket())?;
                    *flow = other;
                    rounds = 0;
                }
            }
        }
        Ok(())
    }

    /// The counters that are not zero, of all cores together.
    pub(crate) fn counters(&self) -> Result<BTreeMap<String, u64>> {
        let read = |line: &String| {
            let (name, value) = line.strip_prefix("eth0.")?.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(self.reports.report()?.iter().filter_map(read).collect())
    }

    /// The lines about the TCP connections that there are, of all cores.
    pub(crate) fn connections(&self) -> Result<Vec<String>> {
        let report = self.reports.report()?;
        let lines = (0..self.count()).flat_map(|core| lines_of(&report, core));
        Ok(lines.filter(|line| line.starts_with(CONNECTION)).map(str::to_owned).collect())
    }

    /// The memory of the first core, which has that of the others.
    pub(crate) fn memory(&self) -> Result<Memory> {
        memory(&self.reports.report()?, self.count())
    }
}

/// A flow that comes to the queue of `core`, one of `count`, from a port that was not used before, to where `socket` is connected.
fn find_flow(
    reports: &dyn Reports,
    (core, count): (usize, usize),
    socket: &UdpSocket,
) -> Result<Listing> {
    for _ in 0..TRIES * count {
        let flow = Listing::new(renewed(socket)?)?;
        let before = turns(&reports.report()?, count)?;
        for _ in 0..QUESTIONS {
            flow.wait()?;
        }
        let after = turns(&reports.report()?, count)?;
        if has_answered(core, &before, &after) && !flow.take_renewed() {
            return Ok(flow);
        }
    }
    bail!("no flow comes to core {core}")
}

/// The lines about one core, without its number.
fn lines_of(report: &[String], core: usize) -> impl Iterator<Item = &str> {
    let prefix = format!("core {core}: ");
    report.iter().filter_map(move |line| match core {
        0 => Some(line.as_str()).filter(|line| !line.starts_with("core ")),
        _ => line.strip_prefix(&prefix),
    })
}

/// The memory of `count` cores in a report.
fn memory(report: &[String], count: usize) -> Result<Memory> {
    let of = |core| {
        let memory = Memory::read(lines_of(report, core))?;
        ensure!(memory.pages > 0, "core {core} does not say what it holds");
        Ok(memory)
    };
    Ok(Memory { others: (1..count).map(of).collect::<Result<_>>()?, ..of(0)? })
}

/// Whether this core has answered the questions between two reports: it has made a turn for each, and more than twice as many as
/// any other. Those make some as well, for the reports.
fn has_answered(core: usize, before: &[u64], after: &[u64]) -> bool {
    let mut moved: Vec<u64> =
        after.iter().zip(before).map(|(after, before)| after - before).collect();
    let ours = moved.remove(core);
    ours >= QUESTIONS && moved.iter().all(|others| 2 * others < ours)
}

/// How many turns of its loop each core has made: as often it has emptied the region of the packet.
fn turns(report: &[String], count: usize) -> Result<Vec<u64>> {
    let of = |core| {
        let mut lines = lines_of(report, core);
        let number = lines.find_map(|line| {
            line.strip_prefix("region packet ")?
                .split_once(" resets ")?
                .1
                .split(' ')
                .next()?
                .parse()
                .ok()
        });
        number.with_context(|| format!("core {core} does not say how many turns it has made"))
    };
    (0..count).map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const REPORT: [&str; 7] = [
        "core0.busy_ms 3",
        "core 1: pool pages 100 free 98 most used 4",
        "eth0.udp.datagrams_rx 7",
        "pool pages 200 free 197 most used 9",
        "core 1: region packet opened 1 live 1 pages 2 most 3 resets 40 of 7",
        "region packet opened 1 live 1 pages 3 most 8 resets 12 of 7",
        "core 12: pool pages 1 free 1 most used 1",
    ];

    fn report() -> Vec<String> {
        REPORT.map(str::to_owned).to_vec()
    }

    #[test]
    fn each_core_has_its_lines() {
        let memory = memory(&report(), 2).unwrap();
        assert_eq!((memory.pages, memory.free, memory.region("packet").pages), (200, 197, 3));
        let [other] = &memory.others[..] else { panic!("{memory:?}") };
        assert_eq!((other.pages, other.free, other.region("packet").most), (100, 98, 3));
        assert_eq!(turns(&report(), 2).unwrap(), [12, 40]);
        super::memory(&report(), 3).expect_err("core 2 has said nothing");
    }

    #[test]
    fn the_core_that_answers_makes_the_most_turns() {
        assert!(has_answered(1, &[10, 10], &[30, 100]) && !has_answered(0, &[10, 10], &[30, 100]));
        // As many turns on both are none of the questions; too few are not all of them.
        assert!(!has_answered(0, &[0, 0], &[90, 60]) && !has_answered(1, &[0, 0], &[0, 39]));
    }

    /// A service of one core, which is said to have two.
    #[derive(Debug)]
    struct OneCore(Cell<u64>);

    impl Reports for OneCore {
        fn report(&self) -> Result<Vec<String>> {
            self.0.set(self.0.get() + QUESTIONS);
            let line = |core, number| {
                format!("{core}region packet opened 1 live 1 pages 1 most 1 resets {number} of 1")
            };
            Ok(vec![line("", 7), line("core 1: ", self.0.get())])
        }
    }

    #[test]
    fn a_core_that_no_flow_comes_to_is_an_error() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((_, from)) = server.recv_from(&mut [0; 16]) {
                let _ = server.send_to(b"", from);
            }
        });
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(address).unwrap();
        let error = Cores::find(2, Box::new(OneCore(Cell::new(0))), &socket).unwrap_err();
        assert_eq!(error.to_string(), "no flow comes to core 0");
    }
}
