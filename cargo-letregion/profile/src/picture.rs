//! Pictures of a series: SVG that stands alone, for a light and for a dark page.

use anyhow::{Result, anyhow};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use rt_regions::PAGE_SIZE;

use super::series::Series;

/// The size of a picture of one panel, in pixels.
const SIZE: (u32, u32) = (960, 400);
/// The width of the legend, in pixels.
const LEGEND: i32 = 220;
/// As many points as there are of which each is seen.
const POINTS: usize = 360;
/// Readable on white and on black.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0x4e, 0x79, 0xa7),
    RGBColor(0xf2, 0x8e, 0x2b),
    RGBColor(0x59, 0xa1, 0x4f),
    RGBColor(0xb0, 0x7a, 0xa1),
    RGBColor(0x76, 0xb7, 0xb2),
    RGBColor(0xed, 0xc9, 0x48),
    RGBColor(0xe1, 0x57, 0x59),
    RGBColor(0x9c, 0x75, 0x5f),
    RGBColor(0xff, 0x9d, 0xa7),
    RGBColor(0x8c, 0x8c, 0x8c),
];
/// Of the line for the maximum; no band has it.
const MAXIMUM: RGBColor = RGBColor(0xd6, 0x27, 0x28);

/// Plotters writes colours as attributes, which rules of a style sheet outweigh.
pub const STYLE: &str = "<style>text{font-family:system-ui,sans-serif}\
@media(prefers-color-scheme:dark){text{fill:#d4d7dd}[fill=\"#FFFFFF\"]{fill:#15171c}\
[stroke=\"#000000\"]{stroke:#d4d7dd}[stroke=\"#DDDDDD\"]{stroke:#3a3e47}}</style>";

/// One picture: bands on top of each other over the packets of a run.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    title: String,
    /// What the values count.
    unit: &'static str,
    ticks: Vec<u64>,
    /// From the bottom to the top.
    bands: Vec<Band>,
    /// What is said under the legend.
    notes: Vec<String>,
}

#[derive(Clone, Debug)]
struct Band {
    name: String,
    /// Where in the source its name was first used, if that is known.
    place: String,
    /// What is said beside the name, and of the band that is pointed at.
    words: String,
    values: Vec<u64>,
}

impl Panel {
    /// The peaks of each region, the largest on top; those for which there is no colour together.
    pub(crate) fn pages(title: &str, all: &Series) -> Self {
        let series = all.thinned(POINTS);
        let mut bands: Vec<_> = series
            .bands
            .iter()
            .map(|band| (band.region.clone(), band.peaks().collect::<Vec<_>>()))
            .filter(|(_, values)| values.iter().any(|pages| *pages > 0))
            .collect();
        let notes = match packets_between(&series) {
            None => Vec::new(),
            Some(packets) => vec![
                format!("Each band is the most pages within {packets}:"),
                "what is opened and closed in between is".into(),
                "seen. Bands need not have been as high at".into(),
                "the same time.".into(),
            ],
        };
        bands.sort_by_key(|(_, values)| std::cmp::Reverse(values.iter().sum::<u64>()));
        if bands.len() > COLOURS.len() {
            let rest = bands.split_off(COLOURS.len() - 1);
            let sum = |at| rest.iter().map(|(_, values)| values[at]).sum();
            let values = (0..series.moments.len()).map(sum).collect();
            bands.push((format!("{} others", rest.len()), values));
        }
        bands.reverse();
        let bands = bands.into_iter().map(|(name, values)| {
            let band = all.bands.iter().find(|band| band.region == name);
            let last = band.and_then(|band| band.pages().last());
            let last = last.map_or_else(String::new, |pages| format!(", {pages} at the end"));
            let most = values.iter().max().copied().unwrap_or(0);
            let words = format!("at most {most} pages{last}");
            let place = band.map_or_else(String::new, |band| band.place.clone());
            Band { name, place, words, values }
        });
        let (title, ticks) = (title.into(), ticks(&series));
        Self { title, unit: "pages", ticks, bands: bands.collect(), notes }
    }

    /// What the pages hold: objects, waste, and the pages that are being filled, in KiB.
    pub(crate) fn used(title: &str, series: &Series) -> Self {
        let series = series.thinned(POINTS);
        let sum = |of: fn(&super::series::Sample) -> u64| -> Vec<u64> {
            let at = |at: usize| series.bands.iter().map(|band| of(&band.samples[at])).sum();
            (0..series.moments.len()).map(at).collect()
        };
        // Whole KiB, so that the three come to what is reserved.
        let (used, waste) = (sum(|s| s.used / 1024), sum(|s| s.waste / 1024));
        let reserved = sum(|s| s.pages * PAGE_SIZE as u64 / 1024);
        let filling = reserved.iter().zip(&used).zip(&waste);
        let filling = filling.map(|((all, used), waste)| all.saturating_sub(used + waste));
        let bands = [
            ("used by objects", used.clone()),
            ("wasted", waste.clone()),
            ("pages being filled", filling.collect()),
        ];
        let bands = bands.into_iter().map(|(name, values)| {
            let most = values.iter().max().copied().unwrap_or(0);
            let words = format!("at most {most} KiB");
            Band { name: name.into(), place: String::new(), words, values }
        });
        let (title, ticks) = (title.into(), ticks(&series));
        Self { title, unit: "KiB", ticks, bands: bands.collect(), notes: Vec::new() }
    }

    /// The most that all bands come to together.
    fn maximum(&self) -> u64 {
        let total = |at: usize| self.bands.iter().map(|band| band.values[at]).sum();
        (0..self.ticks.len()).map(total).max().unwrap_or(0)
    }
}

/// How many packets there are from one sample to the next, in words.
fn packets_between(series: &Series) -> Option<String> {
    let [first, second, ..] = series.moments[..] else { return None };
    Some(match second.tick - first.tick {
        1 => "a packet".into(),
        packets => format!("{packets} packets"),
    })
}

fn ticks(series: &Series) -> Vec<u64> {
    series.moments.iter().map(|moment| moment.tick).collect()
}

/// Draws the panels below each other, on the same axes.
///
/// # Errors
/// The library that draws cannot.
pub(crate) fn draw(panels: &[Panel]) -> Result<String> {
    let mut svg = String::new();
    let size = (SIZE.0, SIZE.1 * panels.len() as u32);
    let last_tick = panels.iter().filter_map(|panel| panel.ticks.last()).max().copied();
    let maximum = panels.iter().map(Panel::maximum).max().unwrap_or(0);
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        for (panel, area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
            draw_panel(panel, &area, last_tick.unwrap_or(0), maximum).map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(with_titles(&svg, panels))
}

/// An error of the library that draws.
pub fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_panel(panel: &Panel, area: &Area<'_>, last_tick: u64, maximum: u64) -> Drawn {
    let (chart_area, legend) = area.split_horizontally(SIZE.0 as i32 - LEGEND);
    let text = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    // Room above the highest for what is said of it.
    let top = maximum.max(1) as f64 * 1.12;
    let mut chart = ChartBuilder::on(&chart_area)
        .caption(&panel.title, text(17))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..last_tick.max(1) as f64, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(0xdd, 0xdd, 0xdd))
        .axis_style(BLACK)
        .label_style(text(13))
        .axis_desc_style(text(14))
        .x_desc("packets")
        .y_desc(panel.unit)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;

    let mut floor = vec![0; panel.ticks.len()];
    for (band, colour) in panel.bands.iter().zip(COLOURS) {
        let ceiling: Vec<u64> = floor.iter().zip(&band.values).map(|(a, b)| a + b).collect();
        let (upper, lower) = (steps(&panel.ticks, &ceiling), steps(&panel.ticks, &floor));
        let (upper, lower) = (upper.into_iter(), lower.into_iter().rev());
        let outline: Vec<_> = upper.chain(lower).collect();
        chart.draw_series([Polygon::new(outline, colour.filled())])?;
        floor = ceiling;
    }
    let most = panel.maximum();
    let line = [(0.0, most as f64), (last_tick.max(1) as f64, most as f64)];
    chart.draw_series([PathElement::new(line, MAXIMUM.stroke_width(1))])?;
    let words = format!("at most {most} {}", panel.unit);
    let place = Pos::new(HPos::Left, VPos::Bottom);
    let (x, y) = chart.backend_coord(&line[0]);
    let base = chart_area.get_base_pixel();
    chart_area.draw(&Text::new(words, (x - base.0 + 6, y - base.1 - 4), text(13).pos(place)))?;

    for (row, (band, colour)) in panel.bands.iter().zip(COLOURS).rev().enumerate() {
        let y = 44 + 34 * row as i32;
        legend.draw(&Rectangle::new([(0, y), (12, y + 12)], colour.filled()))?;
        legend.draw(&Text::new(band.name.clone(), (20, y), text(14)))?;
        legend.draw(&Text::new(band.words.clone(), (20, y + 15), text(11)))?;
    }
    let below = 44 + 34 * panel.bands.len() as i32 + 6;
    let rows = (SIZE.1 as i32 - below) / 16;
    for (row, note) in panel.notes.iter().take(rows.max(0) as usize).enumerate() {
        legend.draw(&Text::new(note.clone(), (0, below + 16 * row as i32), text(11)))?;
    }
    Ok(())
}

/// The line of values that are each that of the time since the tick before.
fn steps(ticks: &[u64], values: &[u64]) -> Vec<(f64, f64)> {
    let before = ticks.first().into_iter().chain(ticks);
    let step = |((from, to), value): ((&u64, &u64), &u64)| {
        [(*from as f64, *value as f64), (*to as f64, *value as f64)]
    };
    before.zip(ticks).zip(values).flat_map(step).collect()
}

/// Adds what is shown when a band is pointed at, and the style. The polygons are the bands.
fn with_titles(svg: &str, panels: &[Panel]) -> String {
    let mut bands = panels.iter().flat_map(|panel| &panel.bands);
    let mut out = String::with_capacity(svg.len() + 4096);
    for (number, line) in svg.lines().enumerate() {
        match line.strip_suffix("/>").filter(|line| line.starts_with("<polygon ")) {
            Some(polygon) => {
                let band = bands.next();
                let title = band.map(|band| {
                    let at = if band.place.is_empty() { "" } else { " at " };
                    escaped(&format!("{}{at}{}: {}", band.name, band.place, band.words))
                });
                out += &format!("{polygon}><title>{}</title></polygon>", title.unwrap_or_default());
            }
            None => out += line.trim_end(),
        }
        out.push('\n');
        if number == 0 {
            out += STYLE;
            out.push('\n');
        }
    }
    out
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{
        super::series::{self, Moment, Sample},
        *,
    };

    /// So many regions that each hold their number of pages, over 10 packets.
    fn regions(names: &[String]) -> Series {
        let band = |(number, name): (usize, &String)| {
            let sample = Sample { pages: 1, peak: number as u64, most: 9, ..Sample::default() };
            let place = format!("{number}.rs:1");
            series::Band { region: name.clone(), place, samples: vec![sample; 10] }
        };
        Series {
            moments: (0..10).map(|tick| Moment { tick, nanos: 0 }).collect(),
            bands: names.iter().enumerate().map(band).collect(),
        }
    }

    #[test]
    fn the_largest_is_on_top_and_is_told_by_name_and_place() {
        let names = ["zero", "one", "<two>"].map(String::from);
        let panel = Panel::pages("title", &regions(&names));
        assert_eq!(
            panel.bands.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(),
            ["one", "<two>"]
        );
        assert!(panel.notes[0].contains("the most pages within a packet"), "{panel:?}");
        let svg = draw(&[panel]).unwrap();
        let title = "<title>&lt;two> at 2.rs:1: at most 2 pages, 1 at the end</title></polygon>";
        assert_eq!(svg.matches("<polygon ").count(), 2);
        assert!(svg.contains(title), "{svg}");
        assert!(svg.contains("at most 3 pages") && svg.contains("prefers-color-scheme"));
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn regions_without_a_colour_are_one_band() {
        let names: Vec<_> = (0..48).map(|number| format!("region {number}")).collect();
        let panel = Panel::pages("", &regions(&names));
        assert_eq!(panel.bands.len(), COLOURS.len());
        assert_eq!(panel.bands[0].name, "38 others");
        assert_eq!(panel.maximum(), (0..48).sum::<u64>());
        draw(&[panel]).unwrap();
    }

    #[test]
    fn what_is_reserved_is_used_wasted_or_being_filled() {
        let mut series = regions(&["one".into(), "two".into()]);
        for sample in &mut series.bands[1].samples {
            *sample = Sample { pages: 3, used: 5000, waste: 3192, ..Sample::default() };
        }
        let panel = Panel::used("", &series);
        assert_eq!(panel.maximum(), 16);
        assert_eq!(panel.bands.iter().map(|b| b.values[0]).collect::<Vec<_>>(), [4, 3, 9]);
    }

    #[test]
    fn a_value_is_that_of_the_time_before_its_tick() {
        let expected = [(0.0, 7.0), (0.0, 7.0), (0.0, 8.0), (3.0, 8.0)];
        assert_eq!(steps(&[0, 3], &[7, 8]), expected);
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        let svg = draw(&[Panel::pages("", &Series::default())]).unwrap();
        assert!(!svg.contains("<polygon "));
    }
}
