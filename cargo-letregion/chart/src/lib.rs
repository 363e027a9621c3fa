#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use anyhow::{Result, anyhow};
use plotters::{coord::Shift, prelude::*};

/// Where is drawn: a part of a picture, in its pixels.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What drawing comes to: the library has an error type for each kind of area.
pub type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Colours of areas and marks, in the order in which a picture takes them. The first six are those of
/// Okabe and Ito. The last, grey, is for what is left over.
pub const COLOURS: [RGBColor; 10] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x8f, 0x1e, 0x40),
    RGBColor(0x8c, 0xbf, 0x63),
    RGBColor(0x8c, 0x6b, 0xff),
    RGBColor(0x6b, 0x6b, 0x6b),
];

/// The colour of the lines behind what is drawn.
pub const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// Plotters writes colours as attributes, which rules of a style sheet outweigh.
const STYLE: &str = "<style>text{font-family:system-ui,sans-serif}\
@media(prefers-color-scheme:dark){text{fill:#d4d7dd}[fill=\"#FFFFFF\"]{fill:#15171c}\
[stroke=\"#000000\"]{stroke:#d4d7dd}[stroke=\"#DDDDDD\"]{stroke:#3a3e47}}</style>";

/// The picture of this size in pixels that `draw` draws. White and black are those of the page.
///
/// # Errors
/// What `draw` says.
pub fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    on(&mut svg, size, draw).map_err(|error| anyhow!("cannot draw: {error}"))?;
    // The opening tag is the first line.
    let (head, rest) = svg.split_once('\n').unwrap_or((&svg, ""));
    Ok(format!("{head}\n{STYLE}\n{}\n", rest.trim_end()))
}

fn on(svg: &mut String, size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Drawn {
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    draw(&root)?;
    Ok(root.present()?)
}

/// Text of this size in pixels.
pub fn text(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&BLACK)
}

/// Draws an entry of a legend: a square of the colour, and what it stands for.
///
/// # Errors
/// The library that draws cannot.
pub fn swatch(area: &Area<'_>, (x, y): (i32, i32), colour: RGBColor, words: &str) -> Drawn {
    area.draw(&Rectangle::new([(x, y), (x + 12, y + 12)], colour.filled()))?;
    area.draw(&Text::new(words.to_owned(), (x + 20, y), text(14)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of WCAG 2, section 1.4.3.
    fn luminance(RGBColor(red, green, blue): RGBColor) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    #[test]
    fn every_colour_can_be_seen_on_a_white_and_on_a_dark_page() {
        let dark = luminance(RGBColor(0x15, 0x17, 0x1c));
        for colour in COLOURS {
            let lightness = luminance(colour);
            let contrasts = [1.05 / (lightness + 0.05), (lightness + 0.05) / (dark + 0.05)];
            assert!(contrasts.iter().all(|contrast| *contrast >= 2.0), "{colour:?}: {contrasts:?}");
        }
    }

    #[test]
    fn an_error_of_what_draws_is_told() {
        let error = svg((10, 10), |_| Err("no ink".into())).unwrap_err();
        assert_eq!(error.to_string(), "cannot draw: no ink");
    }
}
