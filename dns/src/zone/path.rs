//! Names in the order of their labels from the root on: `example.org` is `org`, `example`. So a name is the beginning of all
//! names below it, which follow it directly where names are sorted.

use core::cmp::Ordering;

use crate::{MAX_NAME, Name, NameRef};

/// The labels of a name, each after its length, from the root on.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    bytes: [u8; MAX_NAME],
    length: u8,
}

impl Path {
    /// The path of a name.
    pub(crate) fn of(name: NameRef<'_>) -> Self {
        let mut path = Self { bytes: [0; MAX_NAME], length: 0 };
        let length: usize = name.labels().map(|label| 1 + label.len()).sum();
        let mut at = length;
        for label in name.labels() {
            at -= 1 + label.len();
            path.bytes[at] = label.len() as u8;
            path.bytes[at + 1..][..label.len()].copy_from_slice(label);
        }
        path.length = length as u8;
        path
    }

    /// The path `*` below this one, which is shorter than the path of a name.
    pub(crate) fn wildcard_below(parent: &[u8]) -> Self {
        let mut path = Self { bytes: [0; MAX_NAME], length: parent.len() as u8 + 2 };
        path.bytes[..parent.len()].copy_from_slice(parent);
        path.bytes[parent.len()..][..2].copy_from_slice(b"\x01*");
        path
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length.into()]
    }
}

/// The labels of a path.
fn labels(mut path: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (length, rest) = path.split_first()?;
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        path = rest;
        Some(label)
    })
}

/// The name of a path.
pub(crate) fn to_name(path: &[u8]) -> Name {
    let mut name = Name::ROOT;
    let count = labels(path).count();
    // From the last to the first: few names have more than ten labels.
    for index in (0..count).rev() {
        if let Some(label) = labels(path).nth(index)
            && name.has_room(label.len())
        {
            name.push(label);
        }
    }
    name
}

/// The canonical order of names (RFC 4034 6.1): label by label from the root on, as bytes in lower case.
pub(crate) fn order(one: &[u8], other: &[u8]) -> Ordering {
    let (mut one, mut other) = (labels(one), labels(other));
    loop {
        let ordering = match (one.next(), other.next()) {
            (Some(one), Some(other)) => {
                let other = other.iter().map(u8::to_ascii_lowercase);
                one.iter().map(u8::to_ascii_lowercase).cmp(other)
            }
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (None, None) => return Ordering::Equal,
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Whether `path` is `parent`, or a path below it.
pub(crate) fn is_within(path: &[u8], parent: &[u8]) -> bool {
    // The lengths of labels are below 64, and so no letters.
    path.get(..parent.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(parent))
}

/// Where the label ends that begins at `at`.
pub(crate) fn label_end(path: &[u8], at: usize) -> Option<usize> {
    path.get(at).map(|length| at + 1 + usize::from(*length))
}
