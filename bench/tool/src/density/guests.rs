//! The tables of guests, in Markdown.

use std::{fmt::Write as _, time::Duration};

use lab::{grouped, xen::Dom0Memory};

use super::{
    figures::{Times, slope},
    table::Answers,
};

/// What Xen and dom0 have while so many guests are there, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) guests: usize,
    /// What no domain has.
    pub(crate) xen: u64,
    pub(crate) dom0: Dom0Memory,
}

/// What was measured of guests of one kind.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// What is left before the first, and then at each step.
    pub(crate) left: Vec<Left>,
    /// What is left at each step when the free pages of the pools of the guests for page tables (nested paging) were taken back.
    pub(crate) shrunk: Vec<Left>,
    /// What `xl create` took for each.
    pub(crate) created: Times,
    /// From its start to the first reply.
    pub(crate) replied: Times,
    /// How many were asked at each step, and what became of it.
    pub(crate) answers: Vec<Answers>,
    /// The processor time of all of them while nobody asked.
    pub(crate) idle: Vec<Duration>,
    /// What is to be said of its end.
    pub(crate) notes: Vec<String>,
}

/// What each more takes, in KiB.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slopes {
    xen: f64,
    dom0: f64,
    slab: f64,
    stacks: f64,
    xenstored: f64,
}

impl Slopes {
    /// Of these points, without the one before the first guest, which takes more than the next, if there are two others.
    fn of(left: &[Left]) -> Option<Self> {
        let with: Vec<_> = left.iter().filter(|left| left.guests > 0).collect();
        let points = if with.len() > 1 { with } else { left.iter().collect() };
        let of = |what: &dyn Fn(&Left) -> u64| {
            slope(points.iter().map(|left| (left.guests as f64, what(left) as f64)))
        };
        Some(Self {
            xen: -of(&|left| left.xen)?,
            dom0: -of(&|left| left.dom0.available)?,
            slab: of(&|left| left.dom0.slab)?,
            stacks: of(&|left| left.dom0.stacks)?,
            xenstored: of(&|left| left.dom0.xenstored)?,
        })
    }
}

/// The machine, a table, and the notes of each group.
pub(crate) fn text(machine: &str, groups: &[Group]) -> String {
    let mut text = format!(
        "{machine}\n\n| guests | how many | Xen, KiB each | dom0, KiB each (slab, stacks, xenstored) | a GiB holds | `xl create`, s: \
         median (95 %), ms more for each | first reply, s: median (95 %) | answer | processor time in {} s, all idle |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        super::IDLE.as_secs()
    );
    for group in groups {
        group.rows(&mut text);
    }
    for group in groups {
        for note in &group.notes {
            // A String takes all that is written to it.
            let _ = writeln!(text, "\n{}: {note}", group.name);
        }
    }
    text
}

impl Group {
    fn rows(&self, text: &mut String) {
        let most = self.left.last().map_or(0, |left| left.guests);
        let spread = |times: &Times| format!("{:.2} ({:.2})", times.median(), times.p95());
        let growth = self.created.growth().map_or("–".into(), |it| format!("{:.1}", it * 1e3));
        let answers = self.answers.last().map(Answers::words).unwrap_or_default();
        let idle =
            self.idle.last().map_or("–".into(), |idle| format!("{:.1} s", idle.as_secs_f64()));
        let mut row = |name: &str, left: &[Left], rest: &str| {
            let Some(slopes) = Slopes::of(left) else { return };
            let Slopes { xen, dom0, slab, stacks, xenstored } = slopes;
            let holds = f64::from(1 << 20) / (xen + dom0).max(1.0);
            let _ = writeln!(
                text,
                "| {name} | {most} | {} | {dom0:.0} ({slab:.0}, {stacks:.0}, {xenstored:.0}) | {holds:.1} | {rest} |",
                grouped(xen.round() as u64)
            );
        };
        let (created, replied) = (spread(&self.created), spread(&self.replied));
        row(
            &self.name,
            &self.left,
            &format!("{created}, {growth} | {replied} | {answers} | {idle}"),
        );
        if !self.shrunk.is_empty() {
            row(&format!("{}, pools taken back", self.name), &self.shrunk, "| | |");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(guests: usize, each: u64) -> Left {
        let many = guests as u64;
        let once = u64::from(guests > 0) * 5000;
        let dom0 = Dom0Memory {
            available: 400_000 - 360 * many - once,
            slab: 17_000 + 180 * many,
            stacks: 1000 + 32 * many,
            xenstored: 1500 + 50 * many,
        };
        Left { guests, xen: 600_000 - each * many, dom0 }
    }

    #[test]
    fn slopes_are_without_what_is_there_once() {
        let mut times = Times::default();
        times.push(Duration::from_millis(1000));
        times.push(Duration::from_millis(1010));
        let group = Group {
            name: "echo".into(),
            left: vec![left(0, 3294), left(1, 3294), left(20, 3294)],
            shrunk: vec![left(0, 2334), left(1, 2334), left(20, 2334)],
            created: times.clone(),
            replied: times,
            answers: vec![Answers { asked: 20, right: 20, wrong: 0 }],
            idle: vec![Duration::ZERO],
            notes: vec!["nothing ran out".into()],
        };
        let text = text("a machine", &[group]);
        for line in [
            "| echo | 20 | 3,294 | 360 (180, 32, 50) | 287.0 | 1.00 (1.01), 10.0 | 1.00 (1.01) | all 20 | 0.0 s |",
            "| echo, pools taken back | 20 | 2,334 | 360 (180, 32, 50) | 389.2 | | | | |",
            "\necho: nothing ran out",
        ] {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
    }
}
