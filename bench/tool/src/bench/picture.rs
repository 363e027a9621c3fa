//! The table as a picture: for each setting a bar for each peer, as high as its part of the limit.

use anyhow::Result;
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    peers::PEERS,
    table::{Results, Row},
};
use profile::picture::{STYLE, failed};

/// The size in pixels.
const SIZE: (u32, u32) = (1200, 460);
/// Of the peers in their order; readable on white and on black.
const COLOURS: [RGBColor; PEERS.len()] = [
    RGBColor(0x8c, 0x8c, 0x8c),
    RGBColor(0xf2, 0x8e, 0x2b),
    RGBColor(0xff, 0xbe, 0x7d),
    RGBColor(0x4e, 0x79, 0xa7),
    RGBColor(0x59, 0xa1, 0x4f),
    RGBColor(0xba, 0xb0, 0xac),
    RGBColor(0xe1, 0x57, 0x59),
];
/// The part of the room of a setting that its bars have.
const BARS: f64 = 0.86;

/// Draws what was measured; `machine` is said below.
///
/// # Errors
/// The library that draws cannot.
pub(crate) fn draw(results: &Results, machine: &str) -> Result<String> {
    let rows = results.rows();
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        draw_bars(&rows, machine, &root).map_err(failed)?;
        root.present().map_err(failed)?;
    }
    // The style comes after the opening tag, on the first line.
    let (head, rest) = svg.split_once('\n').unwrap_or((&svg, ""));
    Ok(format!("{head}\n{STYLE}\n{}\n", rest.trim_end()))
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_bars(rows: &[Row], machine: &str, root: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
    let mut settings: Vec<_> = rows.iter().map(|row| row.setting).collect();
    settings.dedup();
    let ratio = |row: &Row| row.to_reflector.map(|ratio| ratio.median);
    let highest = rows.iter().filter_map(ratio).fold(1.0, f64::max);
    let text = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    let title =
        "UDP echo: requests a second, as a part of what a reflector on the same TAP device does";
    root.draw(&Text::new(title, (16, 14), text(17)))?;
    let mut x = 16;
    for (peer, colour) in PEERS.iter().zip(COLOURS) {
        if !rows.iter().any(|row| row.peer == peer.name) {
            continue;
        }
        root.draw(&Rectangle::new([(x, 44), (x + 12, 56)], colour.filled()))?;
        root.draw(&Text::new(peer.name, (x + 18, 43), text(14)))?;
        x += 150;
    }
    let below = format!("Measured on {machine}.");
    root.draw(&Text::new(below, (16, SIZE.1 as i32 - 20), text(12)))?;

    let (_, area) = root.split_vertically(62);
    let (area, _) = area.split_vertically(SIZE.1 as i32 - 62 - 24);
    let count = settings.len().max(1) as f64;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..count, 0.0..highest * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(0xdd, 0xdd, 0xdd))
        .axis_style(BLACK)
        .label_style(text(13))
        .x_labels(0)
        .y_label_formatter(&|y| format!("{y:.1}"))
        .draw()?;
    let base = area.get_base_pixel();
    let place = |chart: &ChartContext<'_, _, Cartesian2d<_, _>>, x: f64, y: f64| {
        let (x, y) = chart.backend_coord(&(x, y));
        (x - base.0, y - base.1)
    };
    let middle = Pos::new(HPos::Center, VPos::Top);
    for (at, setting) in settings.iter().enumerate() {
        let of_setting: Vec<_> = rows.iter().filter(|row| row.setting == *setting).collect();
        let width = BARS / of_setting.len().max(1) as f64;
        let start = at as f64 + (1.0 - BARS) / 2.0;
        for (number, row) in of_setting.iter().enumerate() {
            let Some(height) = ratio(row) else { continue };
            let known = PEERS.iter().position(|peer| peer.name == row.peer).unwrap_or(0);
            let left = start + width * number as f64;
            let bar = [(left, 0.0), (left + width * 0.92, height)];
            chart.draw_series([Rectangle::new(bar, COLOURS[known].filled())])?;
            let (x, y) = place(&chart, left + width * 0.46, height);
            // Upright, as the bars are narrow.
            let above = text(10).transform(FontTransform::Rotate270);
            let above = above.pos(Pos::new(HPos::Left, VPos::Center));
            let mark = if row.good { "" } else { "!" };
            let words = format!("{height:.2}{mark}");
            area.draw(&Text::new(words, (x, y - 4), above))?;
        }
        let (x, y) = place(&chart, at as f64 + 0.5, 0.0);
        let size = format!("{} B", setting.size);
        area.draw(&Text::new(size, (x, y + 6), text(13).pos(middle)))?;
        let window = format!("{} outstanding", setting.window);
        area.draw(&Text::new(window, (x, y + 22), text(11).pos(middle)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Setting, sample::Sample},
        *,
    };

    #[test]
    fn every_peer_has_a_bar_in_every_setting() {
        let mut results = Results::default();
        for window in [1, 16] {
            for (number, peer) in PEERS.iter().enumerate() {
                let sample = Sample {
                    elapsed: 1_000_000_000,
                    replies: 1000 - 100 * number as u64,
                    distance: Some(60),
                    ..Sample::default()
                };
                results.add(Setting { size: 64, window }, 0, peer.name, Ok(sample));
            }
        }
        let svg = draw(&results, "a machine <of ours>").unwrap();
        for label in ["1.00", "0.90", "0.80", "0.70"] {
            assert_eq!(svg.matches(&format!("\n{label}\n")).count(), 2, "{label}: {svg}");
        }
        assert!(svg.contains("prefers-color-scheme") && svg.contains("a machine &lt;of ours"));
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        assert!(draw(&Results::default(), "").unwrap().contains("</svg>"));
    }
}
