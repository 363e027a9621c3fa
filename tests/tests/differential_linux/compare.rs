//! Whether two hosts answered alike, and if not, whether that has a reason.

use std::{collections::BTreeSet, time::Duration};

use lab::soak::frames::checksum;

use super::{
    answer::{normal, text},
    departures::DEPARTURES,
    frames::{ARP, IP, Packet, ethertype, repair_header},
    kernel::Kernel,
    liberties::LIBERTIES,
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

/// What the comparisons have shown.
#[derive(Debug, Default)]
pub(crate) struct Findings {
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
    /// Takes both through the steps of a conversation, up to the first difference that leaves them in
    /// different states. Leaves the kernel as it was.
    pub(crate) fn converse(&mut self, name: &str, kernel: &mut Kernel, steps: &[Step]) {
        let number = self.conversations;
        self.conversations += 1;
        let mut learnt = false;
        with_tower(|tower| {
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
    fn judge(&mut self, name: &str, mut exchange: Exchange<'_>) -> bool {
        self.compared += 1;
        self.answered += usize::from(!exchange.ours.is_empty());
        exchange.ours = normal(exchange.ours);
        exchange.theirs = normal(exchange.theirs);
        if exchange.ours == exchange.theirs {
            return true;
        }
        let mut taken = Vec::new();
        for liberty in LIBERTIES {
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
        if let Some(departure) = DEPARTURES.iter().find(|entry| (entry.explains)(&exchange)) {
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

    /// Fails if there was a difference without a reason.
    pub(crate) fn assert_alike(&self) {
        assert_none_differs(self.compared, &self.different);
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
