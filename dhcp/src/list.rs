//! A short list, whose room is a part of it.

use core::{fmt, ops::Deref};

/// A list of at most `N` values.
#[derive(Clone, Copy)]
pub struct List<T, const N: usize> {
    items: [T; N],
    length: usize,
}

impl<T: Copy, const N: usize> List<T, N> {
    /// An empty list. `unused` is in the places that are not used.
    pub(crate) const fn new(unused: T) -> Self {
        Self { items: [unused; N], length: 0 }
    }

    /// Adds a value at the end; returns whether there was room for it.
    pub(crate) fn push(&mut self, item: T) -> bool {
        let Some(place) = self.items.get_mut(self.length) else { return false };
        *place = item;
        self.length += 1;
        true
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items[..self.length]
    }
}

impl<T: PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for List<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_full_list_takes_no_more() {
        let mut list = List::<u8, 2>::new(0);
        assert!(list.is_empty() && list.push(7) && list.push(8) && !list.push(9));
        assert_eq!((&list[..], format!("{list:?}").as_str()), (&[7, 8][..], "[7, 8]"));
    }

    #[test]
    fn what_is_unused_does_not_count() {
        let (mut one, mut other) = (List::<u8, 2>::new(0), List::<u8, 2>::new(1));
        assert_eq!(one, other);
        assert!(one.push(5) && one != other && other.push(5) && one == other);
    }
}
