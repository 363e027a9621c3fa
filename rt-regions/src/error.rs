//! The one error of this crate: there was no room.

use core::{error::Error, fmt};

use crate::PAGE_SIZE;

/// What stood in the way of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
// As wide as the numbers of an `Exhausted`, so that it has no padding, which each copy would move on its own.
#[repr(u32)]
pub enum Limit {
    /// The cap of the region itself, or of a region it is a child of.
    Cap,
    /// The pool has no page, or no run of pages of this size, left.
    Pool,
    /// The request can never be met: it is larger than the largest run of pages, or its
    /// alignment is larger than a page.
    Size,
    /// The page that was to be [adopted](crate::Region::adopt) is of another pool than the region.
    OtherPool,
}

/// An allocation that could not be made; the region is as it was before.
///
/// It is returned through every `?` on the way, so it is four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// The name of the region that was asked.
    pub region: &'static str,
    /// What stood in the way.
    pub limit: Limit,
    requested: Amount,
    used: Amount,
    allowed: Amount,
}

const _: () = assert!(size_of::<Exhausted>() == 4 * size_of::<usize>());

impl Exhausted {
    /// The error of the region with this name; the amounts are those that the methods give.
    pub const fn new(
        region: &'static str,
        limit: Limit,
        requested: usize,
        used: usize,
        allowed: usize,
    ) -> Self {
        let (requested, used) = (Amount::of(requested), Amount::of(used));
        Self { region, limit, requested, used, allowed: Amount::of(allowed) }
    }

    /// How much was asked for, in bytes; from 2 GiB on in whole pages, rounded down.
    pub const fn requested(&self) -> usize {
        self.requested.bytes()
    }

    /// How much is held, in bytes of whole pages: by the region, or by the region above it with the least
    /// room left. For a finite region, the used bytes of its buffer.
    pub const fn used(&self) -> usize {
        self.used.bytes()
    }

    /// How much that region may hold, in bytes: its cap, or for [`Limit::Pool`] what it holds and what
    /// is free in the pool; for [`Limit::Size`] the largest object. From 2 GiB on in whole pages, rounded down.
    pub const fn allowed(&self) -> usize {
        self.allowed.bytes()
    }

    /// This error of a region that may hold so much.
    pub(crate) const fn with_allowed(self, allowed: usize) -> Self {
        Self { allowed: Amount::of(allowed), ..self }
    }
}

/// A number of bytes below 2 GiB, or else of whole pages, with the highest bit set.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Amount(u32);

impl Amount {
    const IN_PAGES: u32 = 1 << 31;

    const fn of(bytes: usize) -> Self {
        if bytes < Self::IN_PAGES as usize {
            return Self(bytes as u32);
        }
        let pages = bytes / PAGE_SIZE;
        let most = Self::IN_PAGES as usize - 1;
        Self(Self::IN_PAGES | if pages < most { pages } else { most } as u32)
    }

    const fn bytes(self) -> usize {
        match self.0 & !Self::IN_PAGES {
            pages if self.0 & Self::IN_PAGES != 0 => pages as usize * PAGE_SIZE,
            bytes => bytes as usize,
        }
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (region, limit) = (self.region, self.limit);
        let [requested, used, allowed] = [self.requested(), self.used(), self.allowed()];
        write!(f, "region {region}: no room for {requested} more bytes: {used} used, ")?;
        match limit {
            Limit::Cap => write!(f, "{allowed} allowed"),
            Limit::Pool => write!(f, "{allowed} with all that the pool has left"),
            Limit::Size => write!(f, "{allowed} is the largest object"),
            Limit::OtherPool => write!(f, "the page is of another pool"),
        }
    }
}

impl Error for Exhausted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_below_2_gib_and_whole_pages_from_there_on() {
        for bytes in [0, 1, PAGE_SIZE, (1 << 31) - 1, 1 << 31, 1 << 40, usize::MAX / 2 + 1] {
            let [exact, rounded] = [bytes, bytes / PAGE_SIZE * PAGE_SIZE];
            let most = ((1 << 31) - 1) * PAGE_SIZE;
            let expected = if bytes < 1 << 31 { exact } else { rounded.min(most) };
            assert_eq!(Amount::of(bytes).bytes(), expected, "{bytes}");
        }
    }
}
