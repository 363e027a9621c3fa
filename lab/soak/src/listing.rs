//! The counters and regions of a running service, read from the port that `--stats-port` names.

use std::{
    cell::{Cell, Ref, RefCell},
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// How long an answer may take, on a busy machine too.
const WITHIN: Duration = Duration::from_secs(30);
/// After how long the question is asked again: it can be lost where a queue is full.
const AGAIN: Duration = Duration::from_millis(500);

/// The port with the counters of a service.
#[derive(Debug)]
pub struct Listing {
    socket: RefCell<UdpSocket>,
    /// Whether it has another port than at first.
    renewed: Cell<bool>,
    /// How many questions it has asked.
    asked: Cell<u64>,
}

/// What the regions of one name hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How many are open.
    pub live: u64,
    /// How many pages they hold.
    pub pages: u64,
    /// The most pages that they ever held together.
    pub most: u64,
}

/// What the memory of a service holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The pages that there are.
    pub pages: u64,
    /// Those that are in no region.
    pub free: u64,
    /// The regions, by name.
    pub regions: BTreeMap<String, Held>,
    /// The memory of the other cores, in their order.
    #[serde(default)]
    pub others: Vec<Memory>,
}

impl Listing {
    /// Reads from `socket`, which is connected to the port.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn new(socket: UdpSocket) -> Result<Self> {
        socket.set_read_timeout(Some(AGAIN))?;
        Ok(Self { socket: RefCell::new(socket), renewed: Cell::new(false), asked: Cell::new(0) })
    }

    /// The socket.
    pub(crate) fn socket(&self) -> Ref<'_, UdpSocket> {
        self.socket.borrow()
    }

    /// How many questions it has asked: the service counts each as a datagram.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.get()
    }

    /// Whether a question was lost since the last call: the questions come from another port since then.
    pub(crate) fn take_renewed(&self) -> bool {
        self.renewed.take()
    }

    /// The lines that begin with `beginning`. When they come, everything that was sent before the
    /// question has been taken from the service's queue.
    ///
    /// # Errors
    /// There is no answer.
    pub fn lines(&self, beginning: &str) -> Result<String> {
        let deadline = Instant::now() + WITHIN;
        let mut reply = vec![0; 1 << 16];
        let mut socket = self.socket.borrow_mut();
        let mut asked = 0;
        loop {
            asked += 1;
            self.asked.set(self.asked.get() + 1);
            socket.send(beginning.as_bytes()).context("cannot ask for the counters")?;
            match socket.recv(&mut reply) {
                Ok(length) => {
                    reply.truncate(length);
                    break;
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionRefused => bail!("no service lists its counters there"),
                    _ => return Err(error).context("cannot read the counters"),
                },
            }
            ensure!(Instant::now() < deadline, "the service does not list its counters");
        }
        if asked > 1 {
            // The other answers may still come, and are none to the next question.
            *socket = renewed(&socket)?;
            self.renewed.set(true);
        }
        String::from_utf8(reply).context("the counters are not text")
    }

    /// Waits until everything that was sent before has been taken from the service's queue.
    ///
    /// # Errors
    /// There is no answer.
    pub fn wait(&self) -> Result<()> {
        // No line begins so: the answer is empty, and takes next to nothing of what may be listed in a second.
        self.lines("-").map(drop)
    }

    /// All counters, by name without the interface: `arp.learnt`.
    ///
    /// # Errors
    /// There is no answer, or it is another than expected.
    pub fn counters(&self) -> Result<BTreeMap<String, u64>> {
        let read = |line: &str| {
            let (name, value) = line.strip_prefix("eth0.")?.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let text = self.lines("eth0.")?;
        text.lines().map(|line| read(line).with_context(|| format!("no counter: {line}"))).collect()
    }

    /// One counter.
    ///
    /// # Errors
    /// There is no answer, or no such counter.
    pub fn counter(&self, name: &str) -> Result<u64> {
        let text = self.lines(&format!("eth0.{name}"))?;
        let value = text.split_whitespace().nth(1).and_then(|value| value.parse().ok());
        value.with_context(|| format!("no counter {name}: {text}"))
    }

    /// The memory.
    ///
    /// # Errors
    /// There is no answer, or it is another than expected.
    pub fn memory(&self) -> Result<Memory> {
        let mut memory = Memory::read(self.lines("region ")?.lines())?;
        let pool = Memory::read(self.lines("pool ")?.lines())?;
        (memory.pages, memory.free) = (pool.pages, pool.free);
        // The packet's region holds the answer itself, which grows with the digits of the numbers in it.
        let packet = Memory::read(self.lines("region packet ")?.lines())?;
        memory.regions.extend(packet.regions);
        Ok(memory)
    }
}

/// A socket that is connected to the same port, from another one.
pub(crate) fn renewed(socket: &UdpSocket) -> Result<UdpSocket> {
    let open = || {
        let renewed = UdpSocket::bind((socket.local_addr()?.ip(), 0))?;
        renewed.connect(socket.peer_addr()?)?;
        renewed.set_read_timeout(socket.read_timeout()?)?;
        Ok::<_, io::Error>(renewed)
    };
    open().context("cannot open a UDP socket")
}

impl Memory {
    /// Reads the lines `pool pages N free N …` and `region NAME … live N pages N most N …`.
    pub(crate) fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Result<Self> {
        let mut memory = Self::default();
        for line in lines {
            let words: Vec<_> = line.split_whitespace().collect();
            let number = |name: &str| {
                let at = words.iter().position(|word| *word == name);
                let value = at.and_then(|at| words.get(at + 1)?.parse().ok());
                value.with_context(|| format!("no number for {name} in: {line}"))
            };
            match words[..] {
                ["pool", ..] => (memory.pages, memory.free) = (number("pages")?, number("free")?),
                ["region", name, ..] => {
                    let (live, pages, most) = (number("live")?, number("pages")?, number("most")?);
                    memory.regions.insert(name.into(), Held { live, pages, most });
                }
                _ => {}
            }
        }
        Ok(memory)
    }

    /// The memory of each core, that of the first one first.
    pub fn of_cores(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }

    /// The regions of this name.
    pub fn region(&self, name: &str) -> Held {
        self.regions.get(name).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_report_are_read() {
        let text = "pool pages 16352 free 16308 most used 45\n\
                    region packet opened 1 live 1 pages 2 most 12 resets 7\n";
        let memory = Memory::read(text.lines()).unwrap();
        assert_eq!((memory.pages, memory.free), (16_352, 16_308));
        assert_eq!(memory.region("packet"), Held { live: 1, pages: 2, most: 12 });
        assert_eq!(memory.region("no such region"), Held::default());
        assert!(Memory::read(["region packet opened 1"].into_iter()).is_err());
    }
}
