//! The fields of a head.

use core::fmt;

use httparse::Header;

use crate::text::list;

/// The fields of a request or response, as they came.
#[derive(Clone, Copy)]
pub struct Headers<'r>(pub(crate) &'r [Header<'r>]);

impl<'r> Headers<'r> {
    /// The value of the first field with this name, whatever the case of its letters.
    pub fn get(&self, name: &str) -> Option<&'r [u8]> {
        self.all(name).next()
    }

    /// The value of the first field with this name, if it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&'r str> {
        str::from_utf8(self.get(name)?).ok()
    }

    /// The values of all fields with this name, in their order.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'r [u8]> + use<'r, 'n> {
        let named = self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value)
    }

    /// The name and the value of each field, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'r str, &'r [u8])> + use<'r> {
        self.0.iter().map(|field| (field.name, field.value))
    }

    /// Whether a field with this name, which is a list, has this element, whatever the case of its letters.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.all(name).flat_map(list).any(|one| one.eq_ignore_ascii_case(element.as_bytes()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
