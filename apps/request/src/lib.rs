#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod excerpt;

use core::{fmt::Display, num::IntErrorKind, ops::RangeInclusive};

use rt_regions::Region;
use udp::Failure;

pub use excerpt::Excerpt;

/// Reads the one number that `request` is; ASCII white space around it does not matter.
///
/// # Errors
/// [`Failure::Refused`] with a text that names the `service`, quotes the request, and says what is
/// wrong with it and what is allowed; [`Failure::Exhausted`] if `region` has no room for the text.
pub fn number<'r, T>(
    service: &str,
    request: &[u8],
    allowed: RangeInclusive<T>,
    region: &'r Region<'_>,
) -> Result<T, Failure<'r>>
where
    T: Copy + PartialOrd + Display + Into<i64> + TryFrom<i64>,
{
    let request = request.trim_ascii();
    let (least, most) = (*allowed.start(), *allowed.end());
    let parsed = str::from_utf8(request).map(str::parse::<i64>);
    let wrong = match &parsed {
        Ok(Ok(value)) => match T::try_from(*value) {
            Ok(number) if allowed.contains(&number) => return Ok(number),
            _ if *value < least.into() => "is too small",
            _ => "is too large",
        },
        Ok(Err(error)) => match error.kind() {
            IntErrorKind::PosOverflow => "is too large",
            IntErrorKind::NegOverflow => "is too small",
            _ => "is not a number",
        },
        Err(_) => "is not a number",
    };
    let text = if request.is_empty() {
        region
            .format(format_args!("{service}: the request is empty: {least} to {most} is allowed"))?
    } else {
        let excerpt = Excerpt(request);
        region.format(format_args!("{service}: {excerpt} {wrong}: {least} to {most} is allowed"))?
    };
    Err(Failure::Refused(text))
}

/// Hands every number that `request` is to `each`, in order: integers with ASCII white space between them.
///
/// # Errors
/// Those of [`number`], of the first that is none; and those of `each`.
pub fn numbers<'r>(
    service: &str,
    request: &[u8],
    region: &'r Region<'_>,
    mut each: impl FnMut(i64) -> Result<(), Failure<'r>>,
) -> Result<(), Failure<'r>> {
    let words = request.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for word in words {
        each(number(service, word, i64::MIN..=i64::MAX, region)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
