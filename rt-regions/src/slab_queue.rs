//! A queue whose elements lie in blocks of their own.

use core::fmt;

use crate::{Exhausted, SlabBox, Slabs};

/// Elements that are taken out in the order in which they were added, each in a block of [`Slabs`].
///
/// Adding is O(1), taking out is O(1) amortised. An empty queue takes no memory.
///
/// ```
/// # let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
/// # let pool = rt_regions::Pool::new(&mut memory);
/// let slabs = rt_regions::Slabs::new(&pool, "inbox").with_cap(16 << 10);
/// let mut queue = rt_regions::SlabQueue::new(&slabs);
/// queue.push(slabs.alloc_slice(b"first")?)?;
/// queue.push(slabs.alloc_slice(b"second")?)?;
/// assert_eq!(queue.pop().as_deref(), Some(&b"first"[..]));
/// assert_eq!(queue.len(), 1);
/// # Ok::<(), rt_regions::Exhausted>(())
/// ```
pub struct SlabQueue<'s, T> {
    slabs: &'s Slabs<'s>,
    /// The elements that are taken out next, the oldest first.
    front: Stack<'s, T>,
    /// The others, the newest first.
    back: Stack<'s, T>,
    len: usize,
}

/// The newest of some elements that are linked to each other.
type Stack<'s, T> = Option<SlabBox<'s, Node<'s, T>>>;

struct Node<'s, T> {
    /// Taken out just before the node is dropped.
    value: Option<T>,
    next: Stack<'s, T>,
}

impl<'s, T> SlabQueue<'s, T> {
    /// An empty queue.
    pub fn new(slabs: &'s Slabs<'_>) -> Self {
        Self { slabs, front: None, back: None, len: 0 }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an element.
    ///
    /// # Errors
    /// [`Exhausted`], and the element is dropped.
    pub fn push(&mut self, value: T) -> Result<(), Exhausted> {
        let mut node = self.slabs.alloc(Node { value: Some(value), next: None })?;
        node.next = self.back.take();
        self.back = Some(node);
        self.len += 1;
        Ok(())
    }

    /// Takes the oldest element out.
    pub fn pop(&mut self) -> Option<T> {
        if self.front.is_none() {
            while let Some(mut node) = self.back.take() {
                self.back = node.next.take();
                node.next = self.front.take();
                self.front = Some(node);
            }
        }
        let mut node = self.front.take()?;
        self.front = node.next.take();
        self.len -= 1;
        node.value.take()
    }

    /// Drops all elements. If a destructor panics, the others stay.
    pub fn clear(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T> Drop for SlabQueue<'_, T> {
    /// One node after the other: a node that dropped the next one would take a stack as deep as the queue is long.
    fn drop(&mut self) {
        self.clear();
    }
}

impl<T> fmt::Debug for SlabQueue<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlabQueue").field("len", &self.len).finish_non_exhaustive()
    }
}
