//! The nodes of linked lists. A list and its head form a ring, so that every node has neighbours.

/// The role of a place in the lists: a member of three lists, and the head of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A member of the list of datagrams with one remainder of the hash of their key.
    InKeys,
    /// A member of the list of datagrams with one remainder of the hash of their source.
    InSources,
    /// A member of the list of all datagrams.
    InAll,
    /// The head of a list of [`InKeys`](Self::InKeys).
    Keys,
    /// The head of a list of [`InSources`](Self::InSources).
    Sources,
}

/// How many roles a place has: a power of two, which makes divisions by it cheap.
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
