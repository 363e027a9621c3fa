//! One number of JSON (RFC 8259 6), as it stands in a text.

use core::cmp::Ordering;

/// The most digits that an exponent may have, zeros at its beginning left out.
pub(super) const EXPONENT_DIGITS: usize = 9;

/// Where a number is in a text, and how large it is as far as that fits here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    start: u32,
    end: u32,
    /// Where the decimal point is, counted from the first digit that is not zero: 0.12 has 0, and 123 has 3. Zero has
    /// the least.
    exponent: i32,
    is_negative: bool,
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoNumber {
    /// The text has something else here.
    At(usize),
    /// The exponent here is too large, or too small.
    Exponent(usize),
}

impl Number {
    const ZERO: i32 = i32::MIN;

    /// The number that begins at `start`, as long as it is.
    pub(super) fn read(text: &[u8], start: usize) -> Result<Self, NoNumber> {
        let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
        let mut at = start;
        let is_negative = text.get(at) == Some(&b'-');
        at += usize::from(is_negative);
        if !is_digit(at) {
            return Err(NoNumber::At(at));
        }
        let (whole, mut first) = (at, None);
        while is_digit(at) {
            if text[at] == b'0' {
                // None but zero begins with a zero.
                if at == whole && is_digit(at + 1) {
                    return Err(NoNumber::At(at + 1));
                }
            } else if first.is_none() {
                first = Some(at);
            }
            at += 1;
        }
        let point = at;
        if text.get(at) == Some(&b'.') {
            at += 1;
            if !is_digit(at) {
                return Err(NoNumber::At(at));
            }
            while is_digit(at) {
                if text[at] != b'0' && first.is_none() {
                    first = Some(at);
                }
                at += 1;
            }
        }
        let mut exponent = 0;
        if let Some(b'e' | b'E') = text.get(at) {
            (exponent, at) = read_exponent(text, at + 1)?;
        }
        let exponent = match first {
            None => Self::ZERO,
            Some(first) if first < point => exponent + (point - first) as i32,
            // Zeros between the point and the first digit.
            Some(first) => exponent - (first - point - 1) as i32,
        };
        Ok(Self { start: start as u32, end: at as u32, exponent, is_negative })
    }

    /// Where it begins in its text.
    pub(super) fn start(&self) -> usize {
        self.start as usize
    }

    /// Where it ends in its text.
    pub(super) fn end(&self) -> usize {
        self.end as usize
    }

    /// The number as it stands in its text.
    pub(super) fn text<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Compares two numbers of one text by their values; of equal ones, the first in the text is the smaller.
    pub(super) fn compare(&self, other: &Self, text: &[u8]) -> Ordering {
        let by_sign = self.sign().cmp(&other.sign());
        by_sign
            .then_with(|| {
                let by_size = self.exponent.cmp(&other.exponent);
                let by_size = by_size.then_with(|| self.compare_digits(other, text));
                if self.is_negative { by_size.reverse() } else { by_size }
            })
            .then(self.start.cmp(&other.start))
    }

    fn sign(&self) -> i8 {
        match (self.exponent, self.is_negative) {
            (Self::ZERO, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    fn compare_digits(&self, other: &Self, text: &[u8]) -> Ordering {
        let (mut ours, mut theirs) = (self.digits(text), other.digits(text));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Ordering::Equal,
                (our, their) => match our.unwrap_or(b'0').cmp(&their.unwrap_or(b'0')) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                },
            }
        }
    }

    /// The digits from the first one on that is not zero.
    fn digits<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = u8> + use<'t> {
        let before_exponent =
            self.text(text).iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
        let digits = before_exponent.copied().filter(u8::is_ascii_digit);
        digits.skip_while(|digit| *digit == b'0')
    }
}

/// The exponent that begins at `at`, behind its letter, and where it ends.
fn read_exponent(text: &[u8], mut at: usize) -> Result<(i32, usize), NoNumber> {
    let start = at;
    let sign = text.get(at).copied();
    at += usize::from(matches!(sign, Some(b'+' | b'-')));
    let (mut exponent, mut digits, first) = (0, 0, at);
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        digits += usize::from(digits > 0 || *digit != b'0');
        if digits > EXPONENT_DIGITS {
            return Err(NoNumber::Exponent(start));
        }
        exponent = exponent * 10 + i32::from(digit - b'0');
        at += 1;
    }
    if at == first {
        return Err(NoNumber::At(at));
    }
    Ok((if sign == Some(b'-') { -exponent } else { exponent }, at))
}
