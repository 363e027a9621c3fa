//! Reads an array of numbers (RFC 8259).

use core::fmt;

use rt_regions::{Exhausted, Region, RegionVec};
use tasks::Pace;

use super::{
    SLICE,
    number::{EXPONENT_DIGITS, NoNumber, Number},
};

/// What is wrong with a text, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    at: usize,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Beginning,
    Number,
    Exponent,
    Next,
    End,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.at)?;
        match self.what {
            What::Beginning => f.write_str("expected an array of numbers, such as [3, -1.5, 2e6]"),
            What::Number => f.write_str("expected a number, such as 3, -1.5 or 2e6"),
            What::Exponent => {
                write!(f, "expected an exponent of at most {EXPONENT_DIGITS} digits")
            }
            What::Next => f.write_str("expected a comma, or ] at the end"),
            What::End => f.write_str("expected nothing behind the array"),
        }
    }
}

/// As many numbers as the array `text` can have: one more than commas, and one in two bytes.
pub(super) fn most_numbers(text: &[u8]) -> usize {
    let commas = text.iter().filter(|byte| **byte == b',').count();
    (commas + 1).min(text.len() / 2)
}

/// The numbers of the array `text`, at most `most`, in their order.
pub(super) async fn numbers<'r>(
    text: &[u8],
    most: usize,
    region: &'r Region<'_>,
) -> Result<Result<RegionVec<'r, Number>, Wrong>, Exhausted> {
    let wrong = |at, what| Ok(Err(Wrong { at, what }));
    let mut pace = Pace::new(SLICE);
    let mut at = space(text, 0);
    if text.get(at) != Some(&b'[') {
        return wrong(at, What::Beginning);
    }
    let mut numbers = RegionVec::with_capacity(most, region)?;
    at = space(text, at + 1);
    let mut is_over = text.get(at) == Some(&b']');
    while !is_over {
        let number = match Number::read(text, at) {
            Ok(number) => number,
            Err(NoNumber::At(at)) => return wrong(at, What::Number),
            Err(NoNumber::Exponent(at)) => return wrong(at, What::Exponent),
        };
        numbers.push(number)?;
        at = space(text, number.end());
        match text.get(at) {
            Some(b',') => at = space(text, at + 1),
            Some(b']') => is_over = true,
            _ => return wrong(at, What::Next),
        }
        pace.spend(at - number.start()).await;
    }
    at = space(text, at + 1);
    if at < text.len() { wrong(at, What::End) } else { Ok(Ok(numbers)) }
}

/// The first byte from `at` on that is no white space.
fn space(text: &[u8], at: usize) -> usize {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    at + text.get(at..).unwrap_or_default().iter().take_while(is_space).count()
}
