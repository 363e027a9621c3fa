//! The grant table, version 1 (`grant_table.h`), which lists the pages that other domains may use.

use core::{
    cell::Cell,
    fmt,
    sync::atomic::{AtomicU16, AtomicU32, Ordering},
};

use crate::{Access, DomainId, GrantError, GrantRef, StillInUse};

const GTF_INVALID: u16 = 0;
const GTF_PERMIT_ACCESS: u16 = 1;
const GTF_READONLY: u16 = 1 << 2;
const GTF_READING: u16 = 1 << 3;
const GTF_WRITING: u16 = 1 << 4;

/// The number of entries at the beginning that are reserved for the toolstack (`GNTTAB_NR_RESERVED_ENTRIES`).
const RESERVED: usize = 8;

/// How often we try to end a grant while Xen changes its flags. Each change but the last one shows that the other
/// domain uses the page.
const TRIES: u32 = 8;

/// No entry: the end of the free list.
const NONE: u32 = 0;

/// `struct grant_entry_v1`.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct GrantEntry {
    flags: AtomicU16,
    domid: AtomicU16,
    /// The frame that is granted. In a free entry, which Xen ignores, it is the next free entry.
    frame: AtomicU32,
}

const _: () = assert!(size_of::<GrantEntry>() == 8);

/// The grant table. All its free entries are on a list, so it is never searched.
#[derive(Debug)]
pub(crate) struct Grants<'s> {
    entries: &'s [GrantEntry],
    /// The first free entry.
    free: Cell<u32>,
    granted: Cell<u32>,
    most: Cell<u32>,
    refused: Cell<u64>,
}

/// The statistics of the grant table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantCounts {
    /// How many grants are possible.
    pub entries: usize,
    /// How many grants there are now.
    pub granted: u32,
    /// The most grants that there were at once.
    pub most: u32,
    /// How often a grant could not be ended, because the other domain still used the page.
    pub refused: u64,
}

impl<'s> Grants<'s> {
    /// A table without grants in `entries`. The first entries are reserved, and are not changed.
    pub(crate) fn new(entries: &'s [GrantEntry]) -> Self {
        let grants = Self {
            entries,
            free: Cell::new(NONE),
            granted: Cell::new(0),
            most: Cell::new(0),
            refused: Cell::new(0),
        };
        // The lowest numbers first.
        for (index, entry) in entries.iter().enumerate().skip(RESERVED).rev() {
            entry.flags.store(GTF_INVALID, Ordering::Release);
            grants.give(index as u32, entry);
        }
        grants
    }

    /// Lets `to` use frame `frame`.
    pub(crate) fn grant(
        &self,
        to: DomainId,
        frame: u32,
        access: Access,
    ) -> Result<GrantRef, GrantError> {
        let number = self.free.get();
        let entry = match self.entries.get(number as usize) {
            Some(entry) if number != NONE => entry,
            _ => return Err(GrantError::Full(self.most_grants())),
        };
        self.free.set(entry.frame.load(Ordering::Relaxed));
        entry.frame.store(frame, Ordering::Relaxed);
        entry.domid.store(to.0, Ordering::Relaxed);
        let flags = match access {
            Access::Read => GTF_PERMIT_ACCESS | GTF_READONLY,
            Access::Write => GTF_PERMIT_ACCESS,
        };
        // The flags are written last: from here on Xen uses the entry.
        entry.flags.store(flags, Ordering::Release);
        self.granted.set(self.granted.get() + 1);
        self.most.set(self.most.get().max(self.granted.get()));
        Ok(GrantRef(number))
    }

    /// Ends a grant. If it cannot be ended, it goes on and keeps its entry. An entry without a grant needs no end.
    // Not inlined: the compiler unrolls its loop, and it is used in many places.
    #[inline(never)]
    pub(crate) fn end(&self, grant: GrantRef) -> Result<(), StillInUse> {
        let index = grant.0 as usize;
        let Some(entry) = self.entries.get(index).filter(|_| index >= RESERVED) else {
            return Ok(());
        };
        for _ in 0..TRIES {
            let flags = entry.flags.load(Ordering::Relaxed);
            if flags == GTF_INVALID {
                return Ok(());
            }
            if flags & (GTF_READING | GTF_WRITING) != 0 {
                break;
            }
            // This fails if the other domain has begun to use the page in between. What that domain wrote is visible
            // after this.
            let ended = entry.flags.compare_exchange(
                flags,
                GTF_INVALID,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if ended.is_ok() {
                self.give(grant.0, entry);
                self.granted.set(self.granted.get() - 1);
                return Ok(());
            }
        }
        self.refused.set(self.refused.get() + 1);
        Err(StillInUse)
    }

    /// The statistics of the table.
    pub(crate) fn counts(&self) -> GrantCounts {
        GrantCounts {
            entries: self.most_grants(),
            granted: self.granted.get(),
            most: self.most.get(),
            refused: self.refused.get(),
        }
    }

    fn most_grants(&self) -> usize {
        self.entries.len().saturating_sub(RESERVED)
    }

    /// Puts an entry on the free list.
    fn give(&self, number: u32, entry: &GrantEntry) {
        entry.frame.store(self.free.replace(number), Ordering::Relaxed);
    }
}

impl fmt::Display for GrantCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, granted, most, refused } = self;
        write!(f, "grants {granted} of {entries} most {most} still in use at their end {refused}")
    }
}

#[cfg(test)]
mod tests;
