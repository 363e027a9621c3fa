//! Whether two hosts answered alike, and if not, whether that has a reason.

use std::{collections::BTreeSet, time::Duration};

use lab::soak::frames::checksum;

use super::{
    answer::{normal, text},
    departures::{DEPARTURES, Departure},
    frames::{ARP, IP, Packet, ethertype, repair_header},
    kernel::Kernel,
    liberties::{LIBERTIES, Liberty},
    team::{Manner, OF_CORES},
    tower::with_tower,
};

/// What happens to both hosts.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A frame comes.
    Frame(Vec<u8>),
    /// The time for fragments is over.
    ReassemblyTimeout,
}

/// What both answered to a step.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    /// All that they have heard, the last frame included.
    pub(crate) heard: &'a [Vec<u8>],
    /// Whether this is what they said when time was over.
    pub(crate) timeout: bool,
    pub(crate) ours: Vec<Vec<u8>>,
    pub(crate) theirs: Vec<Vec<u8>>,
}

impl Exchange<'_> {
    /// The frame that was answered.
    pub(crate) fn frame(&self) -> &[u8] {
        self.heard.last().map_or(&[], |frame| frame)
    }
}

/// How answers are compared.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// What makes the answers of two hosts comparable.
    pub(crate) normal: fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>,
    /// What is not compared.
    pub(crate) liberties: &'static [Liberty],
    /// What may be different.
    pub(crate) departures: &'static [Departure],
    /// Frames for people.
    pub(crate) text: fn(&[Vec<u8>]) -> String,
}

/// The rules of IPv4.
const IPV4_RULES: Rules = Rules { normal, liberties: LIBERTIES, departures: DEPARTURES, text };

/// What the comparisons have shown.
pub(crate) struct Findings {
    rules: Rules,
    /// On how many cores our host runs.
    pub(crate) manner: Manner,
    /// The entries of the tables that have occurred.
    pub(crate) occurred: BTreeSet<&'static str>,
    /// The differences without a reason.
    pub(crate) different: Vec<String>,
    conversations: u16,
    /// How many steps were compared, and how many of them had an answer.
    pub(crate) compared: usize,
    pub(crate) answered: usize,
}

/// Linux waits a second for fragments where it matters; this is a second and what its timer takes.
const LINUX_TIMEOUT: Duration = Duration::from_millis(1300);
const OUR_TIMEOUT: Duration = Duration::from_secs(30);

/// Gives a fragment another number, so that it does not meet those of the conversations before.
fn renumber(frame: &mut [u8], number: u16) {
    let Some(packet) = Packet::of(frame).filter(Packet::is_fragment) else { return };
    if checksum(&packet.bytes[..packet.header]) != 0 {
        return;
    }
    let number = packet.identification().wrapping_add(number.wrapping_mul(16));
    frame[IP + 4..IP + 6].copy_from_slice(&number.to_be_bytes());
    repair_header(frame);
}

impl Findings {
    /// Nothing yet, of IPv4.
    pub(crate) fn of_ipv4(manner: Manner) -> Self {
        Self::new(IPV4_RULES, manner)
    }

    /// Nothing yet.
    pub(crate) fn new(rules: Rules, manner: Manner) -> Self {
        let (occurred, different) = (BTreeSet::new(), Vec::new());
        Self { rules, manner, occurred, different, conversations: 0, compared: 0, answered: 0 }
    }

    /// The number of a conversation that begins.
    pub(crate) fn number(&mut self) -> u16 {
        self.conversations += 1;
        self.conversations - 1
    }

    /// Takes both through the steps of a conversation, up to the first difference that leaves them in
    /// different states. Leaves the kernel as it was.
    pub(crate) fn converse(&mut self, name: &str, kernel: &mut Kernel, steps: &[Step]) {
        let number = self.number();
        let mut learnt = false;
        with_tower(self.manner, |tower| {
            let mut heard = Vec::new();
            for (step_number, step) in steps.iter().enumerate() {
                let (ours, theirs) = match step {
                    Step::Frame(frame) => {
                        let mut frame = frame.clone();
                        renumber(&mut frame, number);
                        let answers = (tower.hears(&frame), kernel.hears(&frame));
                        heard.push(frame);
                        answers
                    }
                    Step::ReassemblyTimeout => {
                        (tower.passes(OUR_TIMEOUT), kernel.passes(LINUX_TIMEOUT))
                    }
                };
                let timeout = matches!(step, Step::ReassemblyTimeout);
                let exchange = Exchange { heard: &heard, timeout, ours, theirs };
                let arp = [&heard, &exchange.theirs].into_iter().flatten();
                learnt |= arp.filter(|frame| ethertype(frame) == Some(ARP)).count() > 0;
                if !self.judge(&format!("{name}, step {step_number}"), exchange) {
                    break;
                }
            }
        });
        if learnt {
            kernel.forget_neighbours();
        }
    }

    /// Compares two answers; says whether the two hosts can go on.
    pub(crate) fn judge(&mut self, name: &str, mut exchange: Exchange<'_>) -> bool {
        let Rules { normal, liberties, departures, text } = self.rules;
        self.compared += 1;
        self.answered += usize::from(!exchange.ours.is_empty());
        exchange.ours = normal(exchange.ours);
        exchange.theirs = normal(exchange.theirs);
        // Two cores answer side by side.
        if self.manner != Manner::Alone {
            exchange.ours.sort();
            exchange.theirs.sort();
        }
        if exchange.ours == exchange.theirs {
            return true;
        }
        let mut taken = Vec::new();
        for liberty in liberties {
            let context = exchange.heard;
            let take = |frames: &mut [Vec<u8>]| -> Vec<_> {
                frames.iter_mut().map(|frame| (liberty.take)(context, frame)).collect()
            };
            let (ours, theirs) = (take(&mut exchange.ours), take(&mut exchange.theirs));
            if ours != theirs {
                taken.push(liberty.name);
            }
        }
        if exchange.ours == exchange.theirs {
            self.occurred.extend(taken);
            return true;
        }
        let of_cores = Some(OF_CORES).filter(|_| self.manner != Manner::Alone);
        let mut departures = departures.iter().chain(of_cores);
        if let Some(departure) = departures.find(|entry| (entry.explains)(&exchange)) {
            self.occurred.insert(departure.name);
            return !departure.parts;
        }
        let what = if exchange.timeout { "heard, before the time was over" } else { "heard" };
        self.different.push(format!(
            "{name}:\n  {what}:{}\n  ours:{}\n  Linux:{}",
            text(exchange.heard),
            text(&exchange.ours),
            text(&exchange.theirs)
        ));
        false
    }

    /// Holds a conversation, and again if it shows a difference without a reason, as a host may that was not given its time: a difference
    /// counts that is there each time.
    pub(crate) fn patiently(&mut self, mut converse: impl FnMut(&mut Self)) {
        const TRIES: usize = 3;
        let before = (self.different.len(), self.compared, self.answered);
        for _ in 0..TRIES {
            self.different.truncate(before.0);
            (self.compared, self.answered) = (before.1, before.2);
            converse(self);
            if self.different.len() == before.0 {
                return;
            }
        }
    }

    /// Fails if there was a difference without a reason.
    pub(crate) fn assert_alike(&self) {
        assert_none_differs(self.compared, &self.different);
    }

    /// Fails if there is an entry of the tables that has not occurred: a reason for a difference that is gone would hide the
    /// next one.
    pub(crate) fn assert_all_occurred(&self) {
        let liberties = self.rules.liberties.iter().map(|entry| (entry.name, entry.why));
        let departures = self.rules.departures.iter().map(|entry| (entry.name, entry.why));
        let gone: Vec<_> =
            liberties.chain(departures).filter(|(name, _)| !self.occurred.contains(name)).collect();
        assert!(gone.is_empty(), "entries of the table that no longer occur: {gone:#?}");
    }
}

/// Fails if one of so many answers differs from Linux's without a reason: these are the differences.
pub(crate) fn assert_none_differs(compared: usize, different: &[String]) {
    const SHOWN: usize = 20;
    let shown = &different[..different.len().min(SHOWN)];
    assert!(
        different.is_empty(),
        "{} of {compared} answers differ from those of Linux {}:\n{}",
        different.len(),
        std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        shown.join("\n")
    );
}
