//! The one error of this crate: there was no room.

use core::{error::Error, fmt};

/// What stood in the way of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
// As wide as the rest of an `Exhausted`: else each copy of one moves what fills it up on its own.
#[repr(usize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// The name of the region that was asked.
    pub region: &'static str,
    /// How much was asked for, in bytes.
    pub requested: usize,
    /// How much is held, in bytes of whole pages: by the region, or by the one above it that has the
    /// least left; of a finite region, what is used of its buffer.
    pub used: usize,
    /// How much that region may hold, in bytes: its cap, or for [`Limit::Pool`] what it holds and what
    /// is free in the pool; for [`Limit::Size`] the largest object.
    pub allowed: usize,
    /// What stood in the way.
    pub limit: Limit,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, requested, used, allowed, limit } = self;
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
