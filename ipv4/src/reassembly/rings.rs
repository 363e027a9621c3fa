//! The nodes of lists: a list with its head is a ring, so that no node is without neighbours.

/// What a place is in the lists: a member of three, and a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Of the datagrams with one remainder of the hash of their key.
    InKeys,
    /// Of the datagrams with one remainder of the hash of their source.
    InSources,
    /// Of all datagrams.
    InAll,
    /// The head of a list of [`InKeys`](Self::InKeys).
    Keys,
    /// The head of a list of [`InSources`](Self::InSources).
    Sources,
}

/// How many roles a place has: as many as a power of two, for the sake of those who divide by it.
pub(super) const ROLES: usize = 8;

/// A place in one of its roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node(u32);

impl Node {
    #[inline]
    pub(super) const fn new(place: usize, role: Role) -> Self {
        Self::at(place, role as usize)
    }

    #[inline]
    pub(super) const fn at(place: usize, role: usize) -> Self {
        Self((place * ROLES + role) as u32)
    }

    #[inline]
    pub(super) const fn place(self) -> usize {
        self.0 as usize / ROLES
    }

    #[inline]
    pub(super) const fn role(self) -> usize {
        self.0 as usize % ROLES
    }
}

/// The neighbours of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) before: Node,
    pub(super) behind: Node,
}
