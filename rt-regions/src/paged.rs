//! A vector in blocks of about half a page, so that growing moves no element.

use core::ops::{Index, IndexMut};

use crate::{Exhausted, SlabBox, Slabs};

/// How many bytes a segment has at most, unless one element has more: half a page beside its header.
const SEGMENT: usize = 2032;

type Segment<'s, T> = Option<SlabBox<'s, [T]>>;

/// A vector of segments and a directory of them. Growing by one takes a segment at most; when the directory is full
/// it is copied into one of twice the length: 24 bytes for each segment.
///
/// A place without an element has the default of `T`.
pub(crate) struct Paged<'s, T> {
    slabs: &'s Slabs<'s>,
    /// The segments, all before the first `None`; they have room for all elements, and at most one has none.
    directory: Option<SlabBox<'s, [Segment<'s, T>]>>,
    segments: usize,
    length: usize,
}

impl<'s, T: Default> Paged<'s, T> {
    /// How many elements a segment has.
    const ELEMENTS: usize = if size_of::<T>() > SEGMENT { 1 } else { SEGMENT / size_of::<T>() };

    pub(crate) fn new(slabs: &'s Slabs<'s>) -> Self {
        Self { slabs, directory: None, segments: 0, length: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Makes room for one more element; that it was not needed costs nothing.
    #[inline]
    pub(crate) fn reserve_one(&mut self) -> Result<(), Exhausted> {
        if self.length < self.segments * Self::ELEMENTS { Ok(()) } else { self.grow() }
    }

    #[cold]
    fn grow(&mut self) -> Result<(), Exhausted> {
        let capacity = self.directory.as_ref().map_or(0, |directory| directory.len());
        if self.segments == capacity {
            self.resize_directory((capacity * 2).max(2))?;
        }
        let segment = self.slabs.alloc_default(Self::ELEMENTS)?;
        if let Some(directory) = &mut self.directory {
            directory[self.segments] = Some(segment);
            self.segments += 1;
        }
        Ok(())
    }

    /// Moves the segments into a directory of this length, which has room for them.
    fn resize_directory(&mut self, length: usize) -> Result<(), Exhausted> {
        let mut larger = self.slabs.alloc_default::<Segment<'s, T>>(length)?;
        if let Some(directory) = &mut self.directory {
            for (to, from) in larger.iter_mut().zip(directory.iter_mut()) {
                *to = from.take();
            }
        }
        self.directory = Some(larger);
        Ok(())
    }

    /// Adds an element, for which room was made.
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        let index = self.length;
        *self.place(index) = value;
        self.length += 1;
    }

    /// Takes the last element. What has no element any more is given back.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.length.checked_sub(1)?;
        let value = core::mem::take(self.place(last));
        self.length = last;
        self.give_unused();
        Some(value)
    }

    /// Gives back the segments that have no element.
    #[inline]
    pub(crate) fn give_unused(&mut self) {
        if self.length <= self.segments.saturating_sub(1) * Self::ELEMENTS {
            self.shrink();
        }
    }

    #[cold]
    fn shrink(&mut self) {
        self.segments = self.length.div_ceil(Self::ELEMENTS);
        if self.segments == 0 {
            self.directory = None;
            return;
        }
        let Some(directory) = &mut self.directory else { return };
        let unused = directory[self.segments..].iter_mut();
        unused.map_while(Option::take).for_each(drop);
        let half = directory.len() / 2;
        if half >= 2 && self.segments <= half / 2 {
            // If there is no room for the shorter one, the longer one stays.
            let _ = self.resize_directory(half);
        }
    }

    fn place(&mut self, index: usize) -> &mut T {
        let segment = self.directory.as_mut().and_then(|d| d[index / Self::ELEMENTS].as_mut());
        match segment {
            Some(segment) => &mut segment[index % Self::ELEMENTS],
            None => unreachable!("room was made for the element"),
        }
    }
}

impl<T: Default> Index<usize> for Paged<'_, T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        let segment = self.directory.as_ref().and_then(|d| d[index / Self::ELEMENTS].as_ref());
        match segment {
            Some(segment) => &segment[index % Self::ELEMENTS],
            None => unreachable!("there is no such element"),
        }
    }
}

impl<T: Default> IndexMut<usize> for Paged<'_, T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        self.place(index)
    }
}
