//! The table as a picture: a small panel for each setting, in it a line for each peer, from the lowest to the highest of
//! its rounds, and a dot at the median; all on one logarithmic axis, with a line where the reflector is.

use anyhow::Result;
use chart::{Area, COLOURS, Drawn, GRID, text};
use lab::grouped;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    Setting,
    peers::{PEERS, REFLECTOR},
    table::{Row, Spread},
};

/// Colours of the peers in their order, by their place in [`COLOURS`]: a kind of peer has one. The names stand beside.
const KINDS: [usize; PEERS.len()] = [9, 4, 4, 0, 2, 9, 4];
/// The room of all sorts, in pixels: the names of the peers, a panel, its figures, a line in it, what stands above it.
const NAMES: i32 = 160;
const PANEL: i32 = 258;
const FIGURES: i32 = 44;
const LINE: i32 = 18;
const HEADING: i32 = 22;
/// Between a row of panels and the next.
const GAP: i32 = 8;
/// Above all panels, and below.
const HEAD: i32 = 88;
const FOOT: i32 = 62;

/// Draws these rows; `machine` is said below.
///
/// # Errors
/// The library that draws cannot.
pub(crate) fn draw(rows: &[Row], machine: &str) -> Result<String> {
    let grid = Grid::of(rows);
    let height = HEAD + FOOT + grid.windows.len() as i32 * grid.height();
    let width = (NAMES + PANEL * grid.sizes.len() as i32).max(860) + 16;
    chart::svg((width as u32, height as u32), |root| {
        let title = "UDP echo: requests a second, as a multiple of what a reflector on the same TAP device answers";
        let how = "Dot: the median of the rounds; line: from the lowest to the highest round. Left of the line at 1 is \
                   slower than the reflector, right of it is faster; each step of the axis doubles.";
        root.draw(&Text::new(title, (16, 14), text(17)))?;
        root.draw(&Text::new(how, (16, 40), text(12)))?;
        for (column, size) in grid.sizes.iter().enumerate() {
            let x = NAMES + PANEL * column as i32;
            let words = format!("{} bytes", grouped((*size).into()));
            root.draw(&Text::new(words, (x, HEAD - 22), text(15)))?;
        }
        for (at, window) in grid.windows.iter().enumerate() {
            let y = HEAD + at as i32 * grid.height();
            root.draw(&Text::new(format!("{window} outstanding"), (16, y + 4), text(14)))?;
            for (line, peer) in grid.peers.iter().enumerate() {
                let place = (NAMES - 10, y + HEADING + LINE * line as i32 + LINE / 2);
                root.draw(&Text::new(*peer, place, text(12).pos(RIGHT)))?;
            }
            for (column, size) in grid.sizes.iter().enumerate() {
                let setting = Setting { size: *size, window: *window };
                let of_setting: Vec<_> = rows.iter().filter(|row| row.setting == setting).collect();
                grid.panel(&of_setting, (NAMES + PANEL * column as i32, y + HEADING), root)?;
            }
        }
        for column in 0..grid.sizes.len() as i32 {
            grid.labels((NAMES + PANEL * column, height - FOOT - GAP), root)?;
        }
        let mut below = format!("Measured on {machine}.");
        if rows.iter().any(|row| row.to_reflector.is_some() && !row.good) {
            below += " (!): no sample without other work on the machine.";
        }
        root.draw(&Text::new(below, (16, height - 22), text(12)))?;
        Ok(())
    })
}

/// Beside what it is of, at half its height.
const RIGHT: Pos = Pos { h_pos: HPos::Right, v_pos: VPos::Center };

/// What is where, and on which axis.
struct Grid {
    /// Columns.
    sizes: Vec<u16>,
    /// Rows of panels.
    windows: Vec<u16>,
    /// Lines in each panel. The reflector is the line at 1.
    peers: Vec<&'static str>,
    /// The ends of the axis, in powers of two.
    axis: (i32, i32),
}

impl Grid {
    fn of(rows: &[Row]) -> Self {
        let mut sizes: Vec<_> = rows.iter().map(|row| row.setting.size).collect();
        let mut windows: Vec<_> = rows.iter().map(|row| row.setting.window).collect();
        for values in [&mut sizes, &mut windows] {
            values.sort_unstable();
            values.dedup();
        }
        let shown = |name: &str| name != REFLECTOR && rows.iter().any(|row| row.peer == name);
        let spreads = || rows.iter().filter_map(|row| row.to_reflector);
        let least = spreads().map(|spread| spread.least).filter(|least| *least > 0.0);
        let (least, most) =
            (least.fold(0.9, f64::min), spreads().map(|s| s.most).fold(1.1, f64::max));
        Self {
            sizes,
            windows,
            peers: PEERS.iter().map(|peer| peer.name).filter(|name| shown(name)).collect(),
            axis: (least.log2().floor() as i32, most.log2().ceil() as i32),
        }
    }

    /// The height of a row of panels.
    fn height(&self) -> i32 {
        HEADING + LINE * self.peers.len().max(1) as i32 + GAP
    }

    /// Where a ratio is, from the left of a panel.
    fn x(&self, ratio: f64) -> i32 {
        let (low, high) = (f64::from(self.axis.0), f64::from(self.axis.1));
        let part = (ratio.log2().clamp(low, high) - low) / (high - low);
        (part * f64::from(PANEL - FIGURES - 20)).round() as i32
    }

    /// A panel, its upper left corner here.
    fn panel(&self, rows: &[&Row], (left, top): (i32, i32), root: &Area<'_>) -> Drawn {
        let bottom = top + LINE * self.peers.len() as i32;
        for power in self.axis.0..=self.axis.1 {
            let x = left + self.x(f64::from(power).exp2());
            let colour = if power == 0 { BLACK } else { GRID };
            root.draw(&PathElement::new([(x, top), (x, bottom)], colour.stroke_width(1)))?;
        }
        for (line, peer) in self.peers.iter().enumerate() {
            let y = top + LINE * line as i32 + LINE / 2;
            let row = rows.iter().find(|row| row.peer == *peer);
            let figure = match row.and_then(|row| Some((row, row.to_reflector?))) {
                Some((row, spread)) => {
                    self.spread(spread, row, (left, y), root)?;
                    format!("{:.2}{}", spread.median, if row.good { "" } else { "!" })
                }
                None => "–".into(),
            };
            let place = (left + PANEL - 34, y);
            root.draw(&Text::new(figure, place, text(12).pos(RIGHT)))?;
        }
        Ok(())
    }

    fn spread(&self, spread: Spread, row: &Row, (left, y): (i32, i32), root: &Area<'_>) -> Drawn {
        let known = PEERS.iter().position(|peer| peer.name == row.peer).unwrap_or(0);
        let colour = COLOURS[KINDS[known]];
        let at = |ratio: f64| (left + self.x(ratio), y);
        let line = [at(spread.least), at(spread.most)];
        root.draw(&PathElement::new(line, colour.stroke_width(3)))?;
        root.draw(&Circle::new(at(spread.median), 5, colour.filled()))?;
        Ok(())
    }

    /// What the lines of a panel above stand for.
    fn labels(&self, (left, top): (i32, i32), root: &Area<'_>) -> Drawn {
        for power in self.axis.0..=self.axis.1 {
            let ratio = f64::from(power).exp2();
            let style = text(12).pos(Pos::new(HPos::Center, VPos::Top));
            root.draw(&Text::new(ratio.to_string(), (left + self.x(ratio), top + 4), style))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{sample::Sample, table::Results},
        *,
    };

    /// All peers but smoltcp, of which each has a hundred less than the one before, and all the half in round 1.
    fn rows() -> Vec<Row> {
        let mut results = Results::default();
        for (window, round) in [(1, 0), (1, 1), (16, 0)] {
            for (number, peer) in PEERS.iter().enumerate().filter(|(number, _)| *number != 3) {
                let sample = Sample {
                    elapsed: 1_000_000_000,
                    replies: 1000 - 100 * number as u64 / (1 + u64::from(round)),
                    distance: Some(60),
                    ..Sample::default()
                };
                results.add(Setting { size: 1400, window }, round, peer.name, Ok(sample));
            }
        }
        results.rows()
    }

    #[test]
    fn every_peer_but_the_reflector_has_a_dot_and_a_figure_in_every_panel() {
        let svg = draw(&rows(), "a machine <of ours>").unwrap();
        assert_eq!(svg.matches("<circle ").count(), 2 * 5);
        // The medians of two rounds, and of one.
        for (label, count) in [("0.85", 1), ("0.93", 1), ("0.90", 1), ("0.80", 1), ("0.40", 1)] {
            assert_eq!(svg.matches(&format!("\n{label}\n")).count(), count, "{label}: {svg}");
        }
        assert_eq!(svg.matches("\n1,400 bytes\n").count(), 1);
        assert!(svg.contains("\n1 outstanding\n") && svg.contains("\n16 outstanding\n"));
        assert!(!svg.contains("smoltcp") && !svg.contains("no sample without"));
        assert!(svg.contains("prefers-color-scheme") && svg.contains("a machine &lt;of ours"));
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn the_axis_doubles_with_each_step_and_has_room_for_all() {
        let grid = Grid::of(&rows());
        assert_eq!(grid.axis, (-2, 1));
        let steps = [0.25, 0.5, 1.0, 2.0].map(|ratio| grid.x(ratio));
        assert_eq!(steps[0], 0);
        let widths: Vec<_> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(widths.iter().all(|width| width.abs_diff(widths[0]) <= 1), "{steps:?}");
        assert_eq!(grid.x(0.0), 0);
    }

    #[test]
    fn figures_that_say_little_are_marked() {
        let rows: Vec<_> = rows().into_iter().map(|row| Row { good: false, ..row }).collect();
        let svg = draw(&rows, "").unwrap();
        assert!(svg.contains("\n0.40!\n") && svg.contains("(!): no sample without"), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        assert!(!draw(&[], "").unwrap().contains("<circle "));
    }
}
