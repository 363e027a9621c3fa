//! Byte strings that outlive a packet, in a region of their own.

use core::{alloc::Layout, fmt, mem::MaybeUninit, ptr::NonNull};

use crate::{Exhausted, Limit, Region, RegionBox, alloc::assert_plain};

/// A queue of byte strings, each with a number, in a region of its own, beside a value `T`.
///
/// It keeps data that waits for more packets: the fragments of a datagram (the number is the offset), or the
/// packets for a neighbour whose address is not yet known.
///
/// ```
/// use rt_regions::{ChunkQueue, Pool, Region};
///
/// let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
/// let pool = Pool::new(&mut memory);
/// let mut waiting = ChunkQueue::new(Region::new(&pool, "waiting"), "for 10.0.0.7")?;
/// waiting.push(1, b"first")?;
/// waiting.push(2, b"second")?;
/// assert!(waiting.iter().eq([(1, &b"first"[..]), (2, &b"second"[..])]));
/// drop(waiting);
/// assert_eq!(pool.free_pages(), pool.pages());
/// # Ok::<(), rt_regions::Exhausted>(())
/// ```
pub struct ChunkQueue<'p, T> {
    head: RegionBox<'p, Head<T>>,
}

struct Head<T> {
    beside: T,
    first: Option<NonNull<Chunk>>,
    last: Option<NonNull<Chunk>>,
}

/// INVARIANT: `length` bytes, all written, follow the chunk in memory.
struct Chunk {
    next: Option<NonNull<Chunk>>,
    number: u32,
    length: u32,
}

impl<'p, T> ChunkQueue<'p, T> {
    /// An empty queue beside `value`, both in `region`.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn new(region: Region<'p>, value: T) -> Result<Self, Exhausted> {
        const { assert_plain::<T>() };
        Ok(Self { head: RegionBox::new(region, Head { beside: value, first: None, last: None })? })
    }

    /// The value beside the queue.
    pub fn value(&self) -> &T {
        &self.head.beside
    }

    /// The value beside the queue.
    pub fn value_mut(&mut self) -> &mut T {
        &mut self.head.beside
    }

    /// Adds a copy of `bytes` at the end.
    ///
    /// # Errors
    /// [`Exhausted`]; the queue is as it was.
    pub fn push(&mut self, number: u32, bytes: &[u8]) -> Result<(), Exhausted> {
        let (chunk, room) = self.allocate(bytes.len())?;
        room.write_copy_of_slice(bytes);
        // SAFETY: just allocated for as many bytes, all of which are written.
        unsafe { self.append(chunk, number, bytes.len()) };
        Ok(())
    }

    /// Adds `length` bytes at the end, zero until `write` writes them.
    ///
    /// # Errors
    /// [`Exhausted`]; the queue is as it was.
    pub fn push_with(
        &mut self,
        number: u32,
        length: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<(), Exhausted> {
        let (chunk, room) = self.allocate(length)?;
        room.fill(MaybeUninit::new(0));
        // SAFETY: they are zero now.
        write(unsafe { room.assume_init_mut() });
        // SAFETY: just allocated for as many bytes, all of which are written.
        unsafe { self.append(chunk, number, length) };
        Ok(())
    }

    /// Room for a chunk, and for the `length` bytes that follow it.
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    fn allocate(
        &self,
        length: usize,
    ) -> Result<(NonNull<Chunk>, &mut [MaybeUninit<u8>]), Exhausted> {
        let size = size_of::<Chunk>().saturating_add(length);
        let place = match Layout::from_size_align(size, align_of::<Chunk>()) {
            Ok(layout) => self.head.region().allocate(layout)?,
            Err(_) => return Err(self.head.region().exhausted(size, Limit::Size)),
        };
        // SAFETY: the region has no object larger than u32::MAX, so `size` is the chunk and all
        // of `length`, and this is where the bytes begin.
        let bytes = unsafe { place.add(size_of::<Chunk>()) };
        // SAFETY: `length` bytes from here on were just allocated, and are lent to nobody else.
        let room = unsafe { core::slice::from_raw_parts_mut(bytes.as_ptr().cast(), length) };
        Ok((place.cast(), room))
    }

    /// Puts a chunk at the end.
    ///
    /// # Safety
    /// [`allocate`](Self::allocate) gave it for `length` bytes, and they are written.
    unsafe fn append(&mut self, chunk: NonNull<Chunk>, number: u32, length: usize) {
        // SAFETY: aligned and allocated, as the caller promises.
        unsafe { chunk.write(Chunk { next: None, number, length: length as u32 }) };
        match self.head.last.replace(chunk) {
            None => self.head.first = Some(chunk),
            Some(mut last) => {
                // SAFETY: a chunk of this queue, which lives in our region.
                unsafe { last.as_mut() }.next = Some(chunk);
            }
        }
    }

    /// The byte strings joined in `region` into `length` bytes, each at the offset that is its number. Bytes
    /// that no string covers are zero, and bytes beyond the end are left out.
    ///
    /// # Errors
    /// [`Exhausted`]: `region` has no room for that.
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn gather<'r>(
        &self,
        length: usize,
        region: &'r Region<'_>,
    ) -> Result<&'r mut [u8], Exhausted> {
        let room = region.alloc_uninit::<u8>(length)?;
        // What lies before this place is written.
        let mut written = 0;
        for (number, bytes) in self.iter() {
            let start = number as usize;
            let Some(rest) = room.get_mut(start..) else { continue };
            let bytes = &bytes[..bytes.len().min(rest.len())];
            rest[..bytes.len()].write_copy_of_slice(bytes);
            if start > written {
                room[written..start].fill(MaybeUninit::new(0));
            }
            written = written.max(start + bytes.len());
        }
        room[written..].fill(MaybeUninit::new(0));
        // SAFETY: all that lies before `written` is, and so is now all from there on.
        Ok(unsafe { room.assume_init_mut() })
    }

    /// The byte strings in the order in which they were added, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        // SAFETY: chunks of this queue live in our region, which is borrowed with `self`.
        let follow = |chunk: NonNull<Chunk>| unsafe { chunk.as_ref() };
        let mut next = self.head.first;
        core::iter::from_fn(move || {
            let place = next?;
            let chunk = follow(place);
            next = chunk.next;
            // SAFETY: the bytes follow the chunk in the same allocation.
            let bytes = unsafe { place.cast::<u8>().add(size_of::<Chunk>()) };
            // SAFETY: by the invariant `length` written bytes follow, borrowed with `self`.
            let bytes =
                unsafe { core::slice::from_raw_parts(bytes.as_ptr(), chunk.length as usize) };
            Some((chunk.number, bytes))
        })
    }

    /// The pages that the queue holds.
    pub fn pages(&self) -> usize {
        self.head.region().pages()
    }
}

impl<T: fmt::Debug> fmt::Debug for ChunkQueue<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkQueue").field("value", self.value()).finish_non_exhaustive()
    }
}
