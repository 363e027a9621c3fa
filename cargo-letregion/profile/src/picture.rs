//! Pictures of panels: SVG that stands alone, for a light and for a dark page.

use anyhow::Result;
use chart::{Area, COLOURS, Drawn, GRID, swatch, text};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::panel::{Band, Panel};

/// The size of a picture of one panel, in pixels.
const SIZE: (u32, u32) = (960, 400);
/// The width of the legend, in pixels.
const LEGEND: i32 = 230;

/// How high the axes of several panels go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axes {
    /// All of them as high as the highest needs: the panels can be compared.
    Shared,
    /// Each as high as it needs.
    Own,
}

/// Draws the panels below each other. A name has the same colour in all of them, and no other name has it.
///
/// # Errors
/// The library that draws cannot.
pub(crate) fn draw(panels: &[Panel], axes: Axes) -> Result<String> {
    let names = names(panels);
    let panels: Vec<_> = panels.iter().map(|panel| panel.clone().joined(&names)).collect();
    let size = (SIZE.0, SIZE.1 * panels.len() as u32);
    let last_tick = panels.iter().filter_map(|panel| panel.ticks.last()).max().copied();
    let highest = panels.iter().map(Panel::maximum).max().unwrap_or(0);
    let svg = chart::svg(size, |root| {
        for (panel, area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
            let top = if axes == Axes::Shared { highest } else { panel.maximum() };
            draw_panel(panel, &names, &area, (last_tick.unwrap_or(0), top))?;
        }
        Ok(())
    })?;
    Ok(with_titles(&svg, &panels))
}

/// The names that have a colour of their own, in the order of the colours: the largest bands, if there are
/// too many for the colours.
fn names(panels: &[Panel]) -> Vec<String> {
    let mut sizes: Vec<(String, u64)> = Vec::new();
    for band in panels.iter().flat_map(|panel| panel.bands.iter().rev()) {
        let size = band.values.iter().sum::<u64>();
        match sizes.iter_mut().find(|(name, _)| *name == band.name) {
            Some((_, known)) => *known = size.max(*known),
            None => sizes.push((band.name.clone(), size)),
        }
    }
    if sizes.len() > COLOURS.len() {
        sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        sizes.truncate(COLOURS.len() - 1);
    }
    sizes.into_iter().map(|(name, _)| name).collect()
}

/// The colour of a name; the last one is for what has no name of its own.
fn colour(band: &Band, names: &[String]) -> RGBColor {
    let known = names.iter().position(|name| *name == band.name);
    COLOURS[known.unwrap_or(COLOURS.len() - 1)]
}

fn draw_panel(
    panel: &Panel,
    names: &[String],
    area: &Area<'_>,
    (last_tick, top): (u64, u64),
) -> Drawn {
    let (chart_area, legend) = area.split_horizontally(SIZE.0 as i32 - LEGEND);
    // Room above the highest for what is said of it.
    let (whole, top) = (top.max(1), top.max(1) as f64 * 1.12);
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
        .bold_line_style(GRID)
        .axis_style(BLACK)
        .label_style(text(13))
        .axis_desc_style(text(14))
        .x_desc("packets")
        .y_desc(panel.unit)
        .y_labels(whole.min(10) as usize + 1)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;

    let mut floor = vec![0; panel.ticks.len()];
    for band in &panel.bands {
        let ceiling: Vec<u64> = floor.iter().zip(&band.values).map(|(a, b)| a + b).collect();
        let (upper, lower) = (steps(&panel.ticks, &ceiling), steps(&panel.ticks, &floor));
        let (upper, lower) = (upper.into_iter(), lower.into_iter().rev());
        let outline: Vec<_> = upper.chain(lower).collect();
        chart.draw_series([Polygon::new(outline, colour(band, names).filled())])?;
        floor = ceiling;
    }
    let most = panel.maximum();
    let line = [(0.0, most as f64), (last_tick.max(1) as f64, most as f64)];
    chart.draw_series([PathElement::new(line, BLACK.stroke_width(1))])?;
    let unit = if most == 1 { panel.unit.trim_end_matches('s') } else { panel.unit };
    let words = format!("at most {most} {unit}");
    let place = Pos::new(HPos::Left, VPos::Bottom);
    let (x, y) = chart.backend_coord(&line[0]);
    let base = chart_area.get_base_pixel();
    let (x, y) = (x - base.0 + 6, y - base.1 - 4);
    // So that no line of the grid crosses the words.
    let behind = [(x - 2, y - 14), (x + 7 * words.len() as i32, y + 2)];
    chart_area.draw(&Rectangle::new(behind, WHITE.filled()))?;
    chart_area.draw(&Text::new(words, (x, y), text(13).pos(place)))?;

    for (row, band) in panel.bands.iter().rev().enumerate() {
        let y = 44 + 34 * row as i32;
        swatch(&legend, (0, y), colour(band, names), &band.name)?;
        legend.draw(&Text::new(band.words.clone(), (20, y + 15), text(12)))?;
    }
    let below = 44 + 34 * panel.bands.len() as i32 + 6;
    let rows = (SIZE.1 as i32 - below) / 17;
    for (row, note) in panel.notes.iter().take(rows.max(0) as usize).enumerate() {
        legend.draw(&Text::new(note.clone(), (0, below + 17 * row as i32), text(12)))?;
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

/// Adds what is shown when a band is pointed at. The polygons are the bands.
fn with_titles(svg: &str, panels: &[Panel]) -> String {
    let mut bands = panels.iter().flat_map(|panel| &panel.bands);
    let mut out = String::with_capacity(svg.len() + 4096);
    for line in svg.lines() {
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
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{panel::tests::regions, series::Series},
        *,
    };

    /// The colours of the bands, in the order in which they are drawn.
    fn fills(svg: &str) -> Vec<&str> {
        let polygons = svg.lines().filter(|line| line.starts_with("<polygon "));
        polygons.filter_map(|line| Some(line.split_once("fill=\"")?.1.split_once('"')?.0)).collect()
    }

    #[test]
    fn a_band_is_told_by_name_and_place() {
        let panel = Panel::pages("title", &regions(&["zero", "one", "<two>"].map(String::from)));
        let svg = draw(&[panel], Axes::Own).unwrap();
        let title = "<title>&lt;two> at 2.rs:1: at most 2 pages, 1 at the end</title></polygon>";
        assert_eq!(svg.matches("<polygon ").count(), 2);
        assert!(svg.contains(title), "{svg}");
        assert!(svg.contains("at most 3 pages") && svg.contains("prefers-color-scheme"));
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_name_has_the_same_colour_in_each_panel_and_no_other_name_has_it() {
        let panel = |names: [&str; 4]| Panel::pages("", &regions(&names.map(String::from)));
        let panels = [panel(["", "a", "b", "c"]), panel(["", "c", "d", "a"])];
        let svg = draw(&panels, Axes::Shared).unwrap();
        let [a, b, c, again_c, d, again_a] = fills(&svg)[..] else { panic!("{svg}") };
        assert_eq!((a, c), (again_a, again_c));
        let different = std::collections::BTreeSet::from([a, b, c, d]);
        assert_eq!(different.len(), 4);
    }

    #[test]
    fn regions_without_a_colour_are_one_band() {
        let names: Vec<_> = (0..48).map(|number| format!("region {number}")).collect();
        let svg = draw(&[Panel::pages("", &regions(&names))], Axes::Own).unwrap();
        let fills = fills(&svg);
        assert_eq!(fills.len(), COLOURS.len());
        assert_eq!(fills[0], "#6B6B6B");
        assert!(svg.contains("<title>38 others: at most "), "{svg}");
        assert_eq!(fills.iter().collect::<std::collections::BTreeSet<_>>().len(), COLOURS.len());
    }

    #[test]
    fn panels_have_axes_as_high_as_they_are_to_have() {
        let panel = |count: u32| {
            let names: Vec<_> = (0..count).map(|number| format!("region {number}")).collect();
            Panel::pages("", &regions(&names))
        };
        let panels = [panel(9), panel(3)];
        // Where the line of each panel is, for its maximum: the higher, the smaller.
        let lines = |axes| -> Vec<u32> {
            let svg = draw(&panels, axes).unwrap();
            let words = svg
                .lines()
                .zip(svg.lines().skip(1))
                .filter(|(_, words)| words.starts_with("at most ") && words.ends_with(" pages"));
            let y = |tag: &str| tag.split_once(" y=\"")?.1.split_once('"')?.0.parse().ok();
            words.filter_map(|(tag, _)| y(tag)).collect()
        };
        let (shared, own) = (lines(Axes::Shared), lines(Axes::Own));
        assert_eq!(own[1] - own[0], SIZE.1, "{own:?}");
        assert!(shared[0] == own[0] && shared[1] > own[1], "{shared:?}, {own:?}");
    }

    #[test]
    fn a_value_is_that_of_the_time_before_its_tick() {
        let expected = [(0.0, 7.0), (0.0, 7.0), (0.0, 8.0), (3.0, 8.0)];
        assert_eq!(steps(&[0, 3], &[7, 8]), expected);
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        let svg = draw(&[Panel::pages("", &Series::default())], Axes::Own).unwrap();
        assert!(!svg.contains("<polygon "));
    }
}
