//! The cons list of the ML family, in a region.

use core::fmt;

use crate::{Exhausted, Region};

/// An immutable list: empty, or an element before a list. Copying it copies a pointer.
///
/// ```
/// use rt_regions::{List, Pool, Region};
///
/// let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
/// let pool = Pool::new(&mut memory);
/// let region = Region::new(&pool, "list");
/// let list = List::EMPTY.before(2, &region)?.before(1, &region)?;
/// assert!(list.iter().eq(&[1, 2]));
/// # Ok::<(), rt_regions::Exhausted>(())
/// ```
pub struct List<'r, T>(Option<&'r Cons<'r, T>>);

struct Cons<'r, T> {
    head: T,
    tail: List<'r, T>,
}

impl<'r, T> List<'r, T> {
    /// The list without elements.
    pub const EMPTY: Self = Self(None);

    /// A list of `head` followed by this list; its one new cell lives in `region`.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn before(self, head: T, region: &'r Region<'_>) -> Result<Self, Exhausted> {
        Ok(Self(Some(region.alloc(Cons { head, tail: self })?)))
    }

    /// The first element and the list after it.
    pub fn split_first(self) -> Option<(&'r T, Self)> {
        self.0.map(|cons| (&cons.head, cons.tail))
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.0.is_none()
    }

    /// The elements in order.
    pub fn iter(self) -> Iter<'r, T> {
        Iter(self)
    }
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'r, T> IntoIterator for List<'r, T> {
    type Item = &'r T;
    type IntoIter = Iter<'r, T>;

    fn into_iter(self) -> Iter<'r, T> {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The elements of a [`List`], in order.
#[derive(Debug)]
pub struct Iter<'r, T>(List<'r, T>);

impl<'r, T> Iterator for Iter<'r, T> {
    type Item = &'r T;

    fn next(&mut self) -> Option<&'r T> {
        let (head, tail) = self.0.split_first()?;
        self.0 = tail;
        Some(head)
    }
}
