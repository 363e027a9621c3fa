//! A report on a pool and its regions, as lines of text.

use core::fmt;

use crate::Pool;

impl Pool<'_> {
    /// Calls `line` with each line of the report on this memory: the pool, then the regions by name, in the order of their
    /// first use. The numbers of the pool are pages: all, those that are free, and the most that were in use at once.
    /// Those of a region are what [`RegionStats`](crate::RegionStats) displays.
    ///
    /// ```
    /// use rt_regions::{Pool, Region};
    ///
    /// let mut memory = vec![core::mem::MaybeUninit::uninit(); 64 << 10];
    /// let pool = Pool::new(&mut memory);
    /// let packet = Region::new(&pool, "packet");
    /// packet.alloc(7_u64)?;
    ///
    /// let mut lines = Vec::new();
    /// pool.report(&mut |line| lines.push(line.to_string()));
    /// assert!(lines[0].starts_with("pool pages 15 free 14 most used 1"));
    /// assert!(lines[1].starts_with("region packet           opened 1 live 1 pages 1 most 1 (4 KiB)"));
    /// # Ok::<(), rt_regions::Exhausted>(())
    /// ```
    pub fn report(&self, line: &mut dyn FnMut(fmt::Arguments<'_>)) {
        let (pages, free, most) = (self.pages(), self.free_pages(), self.most_pages_used());
        line(format_args!("pool pages {pages} free {free} most used {most}"));
        for label in self.labels() {
            line(format_args!("region {label}"));
        }
    }
}
