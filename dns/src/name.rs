//! Names (RFC 1035 3.1): a row of labels, owned or inside a message, where a pointer may stand for the rest (4.1.4).

use core::{error::Error, fmt, hash, str::FromStr};

use crate::wire::{HEADER_LEN, ParseError};

/// The most bytes of a name, each label with its length, and the root with 0 (RFC 1035 2.3.4).
pub const MAX_NAME: usize = 255;

/// The most bytes of a label (RFC 1035 2.3.4).
pub const MAX_LABEL: usize = 63;

/// How many pointers may follow each other in a name: as many as it may have labels. More would be pointers to pointers.
const MOST_POINTERS: usize = 127;

/// A name, which is not compressed. Upper and lower case are kept, and are equal (RFC 4343 3).
///
/// ```
/// let name: dns::Name = "WWW.example.org".parse()?;
/// assert_eq!(name, "www.example.org.".parse()?);
/// assert_eq!(name.to_string(), "WWW.example.org");
/// # Ok::<(), dns::NameError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Name {
    /// The labels, each after its length, and a 0.
    bytes: [u8; MAX_NAME],
    length: u8,
}

impl Name {
    /// The root: no label.
    pub const ROOT: Self = Self { bytes: [0; MAX_NAME], length: 1 };

    /// The labels, each after its length, and a 0: as the name is in a message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// This name, to be compared and read.
    pub fn view(&self) -> NameRef<'_> {
        NameRef { message: self.as_bytes(), at: 0 }
    }

    /// This name in lower case: the same bytes for all names that are equal.
    #[must_use]
    pub fn to_lowercase(mut self) -> Self {
        // The lengths are below 64, and so no letters.
        self.bytes.make_ascii_lowercase();
        self
    }

    /// Whether there is room for a label of so many bytes, beside what the name has.
    pub(crate) fn has_room(&self, label: usize) -> bool {
        usize::from(self.length) + 1 + label <= MAX_NAME
    }

    /// Adds a label at the end. It has 1 to 63 bytes, and there is room.
    pub(crate) fn push(&mut self, label: &[u8]) {
        let at = usize::from(self.length) - 1;
        self.bytes[at] = label.len() as u8;
        self.bytes[at + 1..][..label.len()].copy_from_slice(label);
        self.length += 1 + label.len() as u8;
    }
}

/// From a text such as `www.example.org`, with or without a dot at the end. Labels have letters, digits, hyphens, and the
/// underscores of service names (RFC 8552); a hyphen is neither the first nor the last (RFC 1123 2.1).
impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut name = Self::ROOT;
        if text == "." {
            return Ok(name);
        }
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        for label in text.split('.') {
            let is_good = |byte: &char| byte.is_ascii_alphanumeric() || matches!(byte, '-' | '_');
            if let Some(other) = label.chars().find(|byte| !is_good(byte)) {
                return Err(NameError::Character(other));
            }
            match label.len() {
                0 => return Err(NameError::EmptyLabel),
                length if length > MAX_LABEL => return Err(NameError::LongLabel(length)),
                length if !name.has_room(length) => return Err(NameError::Long),
                _ if label.starts_with('-') || label.ends_with('-') => {
                    return Err(NameError::Hyphen);
                }
                _ => name.push(label.as_bytes()),
            }
        }
        Ok(name)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().eq_ignore_ascii_case(other.as_bytes())
    }
}

impl Eq for Name {}

impl hash::Hash for Name {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.to_lowercase().as_bytes().hash(state);
    }
}

/// As [`NameRef`] is shown.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing.
    Empty,
    /// Two dots follow each other, or the first character is one.
    EmptyLabel,
    /// A label has this many bytes, more than 63.
    LongLabel(usize),
    /// The name has more than 255 bytes, as it is in a message.
    Long,
    /// A character that names do not have.
    Character(char),
    /// A label begins or ends with a hyphen.
    Hyphen,
    /// The last label is a number, as in an address that is not complete (RFC 1123 2.1).
    Number,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty: expected one like www.example.org"),
            Self::EmptyLabel => f.write_str("nothing stands before a dot of the name"),
            Self::LongLabel(length) => {
                write!(f, "a label of the name has {length} bytes; 63 are the most")
            }
            Self::Long => f.write_str("the name has more than 255 bytes"),
            Self::Character(other) if other.is_ascii() => {
                write!(f, "{other:?} in a name: expected letters, digits, hyphens and dots")
            }
            Self::Character(other) => {
                write!(f, "{other:?} in a name: expected its form in ASCII, with xn--")
            }
            Self::Number => {
                f.write_str("neither a name nor an address: expected one like 192.0.2.7")
            }
            Self::Hyphen => f.write_str("a label of the name begins or ends with a hyphen"),
        }
    }
}

impl Error for NameError {}

/// A name inside a message, which was checked: it is read where it is, and equal in upper and lower case.
#[derive(Clone, Copy)]
pub struct NameRef<'m> {
    message: &'m [u8],
    at: u16,
}

impl<'m> NameRef<'m> {
    /// The name that begins at `at`, and where it ends.
    ///
    /// Each pointer leads to a place before the one that the last pointer led to, and before the name itself. So the name has
    /// an end. It has 127 pointers at most.
    ///
    /// # Errors
    /// [`ParseError`]: the name does not end, is longer than 255 bytes, or has a pointer that leads elsewhere.
    pub fn parse(message: &'m [u8], at: usize) -> Result<(Self, usize), ParseError> {
        let start = u16::try_from(at).map_err(|_| ParseError::Short)?;
        let (mut position, mut begin, mut end) = (at, at, None);
        let (mut length, mut pointers) = (1, 0);
        loop {
            let byte = *message.get(position).ok_or(ParseError::Short)?;
            match byte {
                0 => break,
                1..=0x3f => {
                    let step = 1 + usize::from(byte);
                    length += step;
                    if length > MAX_NAME {
                        return Err(ParseError::LongName);
                    }
                    position += step;
                }
                0xc0.. => {
                    let low = *message.get(position + 1).ok_or(ParseError::Short)?;
                    let target = usize::from(byte & 0x3f) << 8 | usize::from(low);
                    end.get_or_insert(position + 2);
                    pointers += 1;
                    if !(HEADER_LEN..begin).contains(&target) || pointers > MOST_POINTERS {
                        return Err(ParseError::Pointer);
                    }
                    (begin, position) = (target, target);
                }
                _ => return Err(ParseError::LabelType),
            }
        }
        Ok((Self { message, at: start }, end.unwrap_or(position + 1)))
    }

    /// The labels, from the left to the right, without the root.
    pub fn labels(self) -> Labels<'m> {
        Labels { message: self.message, at: self.at.into() }
    }

    /// Whether this is the root.
    pub fn is_root(self) -> bool {
        self.labels().next().is_none()
    }

    /// Whether this is `zone`, or a name below it.
    pub fn is_within(self, zone: NameRef<'_>) -> bool {
        let (ours, theirs) = (self.labels().count(), zone.labels().count());
        ours >= theirs && are_equal(self.labels().skip(ours - theirs), zone.labels())
    }

    /// A copy, which is not compressed.
    pub fn to_name(self) -> Name {
        let mut name = Name::ROOT;
        for label in self.labels() {
            // It has room: that was checked.
            if name.has_room(label.len()) {
                name.push(label);
            }
        }
        name
    }
}

/// Whether both have the same labels, in upper or lower case.
fn are_equal<'a, 'b>(
    mut one: impl Iterator<Item = &'a [u8]>,
    mut other: impl Iterator<Item = &'b [u8]>,
) -> bool {
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => {}
            _ => return false,
        }
    }
}

impl PartialEq for NameRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        are_equal(self.labels(), other.labels())
    }
}

impl Eq for NameRef<'_> {}

impl PartialEq<Name> for NameRef<'_> {
    fn eq(&self, other: &Name) -> bool {
        *self == other.view()
    }
}

/// The labels with dots between them, `.` for the root. A byte that is not printable, a space, a dot or a backslash is shown as
/// a backslash with three decimal digits (RFC 1035 5.1).
impl fmt::Display for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            for &byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{byte:03}")?,
                    _ if byte.is_ascii_graphic() => fmt::Write::write_char(f, byte.into())?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameRef({self})")
    }
}

impl<'m> Labels<'m> {
    /// The labels from this place of a message on, where a name begins that was checked or written.
    pub(crate) fn at(message: &'m [u8], at: usize) -> Self {
        Self { message, at }
    }
}

/// The labels of a name, made by [`NameRef::labels`].
#[derive(Clone, Debug)]
pub struct Labels<'m> {
    message: &'m [u8],
    at: usize,
}

impl<'m> Iterator for Labels<'m> {
    type Item = &'m [u8];

    fn next(&mut self) -> Option<&'m [u8]> {
        loop {
            let rest = self.message.get(self.at..)?;
            match *rest {
                [0, ..] | [] => return None,
                // Each pointer leads further back: that was checked.
                [high, low, ..] if high >= 0xc0 => {
                    self.at = usize::from(high & 0x3f) << 8 | usize::from(low);
                }
                [length, ref rest @ ..] => {
                    self.at += 1 + usize::from(length);
                    return rest.get(..length.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
