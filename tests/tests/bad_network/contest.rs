//! Who transfers bytes, and how fast.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr, path::PathBuf, sync::OnceLock};

use anyhow::{Context, Result};
use lab::{
    Network, Service, bad_network,
    bad_network::{BadNetwork, Link},
    cargo, tools,
};

use super::rows::Row;

/// A server of the protocol of the crate `transfer`.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// The package of its program.
    package: &'static str,
    /// Its arguments beside those that name the network.
    args: &'static [&'static str],
    /// The last number of its address, if it is Linux, and not on the lab's TAP device.
    elsewhere: Option<u8>,
    /// What finds the rate of the client, and so of the bytes that are sent to it.
    congestion_control: &'static str,
}

/// All of them. The first is the one that others are compared with.
pub(crate) const CONTESTANTS: [Contestant; 3] = [
    Contestant {
        name: "Linux, CUBIC",
        package: "transfer",
        args: &["--ipv4=10.0.0.3/24", "--congestion-control=cubic"],
        elsewhere: Some(3),
        congestion_control: "cubic",
    },
    Contestant {
        name: "letregion",
        package: "transfer-service",
        // As Linux has them on the bridge.
        args: &["--offloads=on"],
        elsewhere: None,
        congestion_control: "cubic",
    },
    Contestant {
        name: "Linux, BBR",
        package: "transfer",
        args: &["--ipv4=10.0.0.4/24", "--congestion-control=bbr"],
        elsewhere: Some(4),
        congestion_control: "bbr",
    },
];

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// The client of Linux sends.
    Sent,
    /// The contestant sends.
    Received,
}

/// Megabytes in a second, of each round.
pub(crate) type Goodput = BTreeMap<(Direction, &'static str), Vec<f64>>;

impl Contestant {
    fn program(&self) -> &'static PathBuf {
        static PROGRAMS: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
        let packages = CONTESTANTS.map(|contestant| contestant.package);
        let programs = PROGRAMS
            .get_or_init(|| cargo::build_all(&packages, &[]).expect("the contestants build"));
        &programs[self.package]
    }

    fn address(&self, network: &Network) -> Ipv4Addr {
        let [a, b, c, _] = network.service.octets();
        self.elsewhere.map_or(network.service, |last| Ipv4Addr::new(a, b, c, last))
    }

    fn start<'lab>(&self, bad: &'lab BadNetwork) -> Result<Service<'lab>> {
        match self.elsewhere {
            None => Service::start(bad.lab(), self.program(), self.args, |_| ()),
            Some(_) => {
                let address = self.address(bad.lab().network());
                if address != bad.linux() {
                    let mut ip = tools::IP.command();
                    ip.args(["address", "add", &format!("{address}/24"), "dev", "bridge0"]);
                    tools::succeed(&mut ip)?;
                }
                Service::start_elsewhere(bad.lab(), self.program(), self.args, |_| ())
            }
        }
    }
}

/// So many megabytes each way through the network of `row`, in each round by each of `contestants`.
///
/// # Errors
/// A transfer fails, or other bytes come than were sent.
pub(crate) fn measure(
    row: &Row,
    megabytes: u64,
    rounds: u64,
    contestants: &[Contestant],
) -> Result<Goodput> {
    bad_network::between(Network::default(), row.link, |bad| -> Result<Goodput> {
        let services = contestants.iter().map(|contestant| contestant.start(bad));
        let _services = services.collect::<Result<Vec<_>>>()?;
        let mut goodput = Goodput::new();
        for seed in 0..rounds {
            for (name, take) in [
                (Direction::Sent, transfer::send as fn(_, _, _, &_) -> _),
                (Direction::Received, transfer::receive),
            ] {
                for contestant in contestants {
                    let address = contestant.address(bad.lab().network());
                    // Chance is the same for all.
                    if let Link::Frames { conditions, seed: first } = row.link {
                        bad.set(conditions, first + seed)?;
                    }
                    let congestion_control = contestant.congestion_control;
                    let taken = bad.near(|| {
                        take(address, megabytes * 1_000_000, seed + 1, congestion_control)
                    })?;
                    let taken = taken
                        .with_context(|| format!("{}: {}, {name:?}", row.name, contestant.name))?;
                    let key = (name, contestant.name);
                    goodput.entry(key).or_default().push(taken.goodput());
                }
            }
        }
        Ok(goodput)
    })?
}

/// The lines of a table in Markdown that a row makes.
pub(crate) fn lines(
    row: &Row,
    megabytes: u64,
    goodput: &Goodput,
    contestants: &[Contestant],
) -> String {
    let mut lines = String::new();
    for direction in [Direction::Sent, Direction::Received] {
        let medians = contestants.iter().filter_map(|contestant| {
            goodput.get(&(direction, contestant.name)).map(|goodput| median(goodput))
        });
        let medians: Vec<f64> = medians.collect();
        let _ = write!(lines, "| {} | {direction:?} | {megabytes} |", row.name);
        for goodput in &medians {
            let _ = write!(lines, " {goodput:.2} |");
        }
        for goodput in medians.iter().skip(1) {
            let _ = write!(lines, " {:.2} |", goodput / medians[0]);
        }
        lines.push('\n');
    }
    lines
}

/// The head of that table.
pub(crate) fn head(contestants: &[Contestant]) -> String {
    let names = || contestants.iter().map(|contestant| contestant.name);
    let mut head = "| network, each way | bytes are | MB |".to_owned();
    names().for_each(|name| head += &format!(" {name}, MB/s |"));
    names().skip(1).for_each(|name| head += &format!(" {name} / {} |", contestants[0].name));
    let columns = head.matches('|').count() - 1;
    format!("{head}\n|{}\n", "---|".repeat(columns))
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
