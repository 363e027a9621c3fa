//! The layer at the top of a tower that watches it.

use core::{fmt, mem};

use layer::{AllCores, Counter, Instant, Layer, Rx, Setup};
use rt_regions::{Exhausted, Region};

use crate::{Board, board::PERIOD};

/// A layer at the top of a tower, which passes everything through. With a [`Board`], it writes down once a second what the
/// regions hold, and when the page is asked for, the counters of the tower. Without one, it does nothing: so a program
/// that has a page only if it is asked for is one type.
pub struct Watch<L> {
    below: L,
    board: Option<&'static Board>,
    /// When the next sample is due.
    next: Instant,
    /// How many items came since the last one.
    items: u32,
}

impl<L: Layer> Watch<L> {
    /// Watches the tower `below` for `board`, if there is one. The tower is complete: its counters stay the same ones.
    ///
    /// # Errors
    /// [`Exhausted`]: the board has no room for the counters.
    pub fn new(below: L, board: Option<&'static Board>) -> Result<Self, Exhausted> {
        if let Some(board) = board {
            board.make_room(&below)?;
        }
        Ok(Self { below, board, next: Instant::ZERO, items: 0 })
    }

    /// The tower.
    pub fn below(&self) -> &L {
        &self.below
    }

    /// The tower, mutably.
    pub fn below_mut(&mut self) -> &mut L {
        &mut self.below
    }

    /// Does for `board` what is due at `now`.
    #[cold]
    fn look(&mut self, now: Instant, board: &Board) {
        if now >= self.next {
            board.sample(now, mem::take(&mut self.items), &self.below);
            // From one full period to the next; after a pause, from now on.
            let next = self.next + PERIOD;
            self.next = if next > now { next } else { now + PERIOD };
        }
        if board.is_wanted() {
            board.look(now, &self.below);
        }
    }
}

impl<L: Layer> Layer for Watch<L> {
    type Error = L::Error;
    type Event = L::Event;
    type Item<'r> = L::Item<'r>;

    fn event(&self) -> L::Event {
        self.below.event()
    }

    #[inline]
    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<L::Item<'r>>, L::Error> {
        if let Some(board) = self.board
            && (now >= self.next || board.is_wanted())
        {
            self.look(now, board);
        }
        let received = self.below.receive(now, region)?;
        self.items = self.items.wrapping_add(u32::from(!matches!(received, Rx::Idle)));
        Ok(received)
    }

    fn unclaimed(&mut self, now: Instant, item: L::Item<'_>) -> Result<(), L::Error> {
        self.below.unclaimed(now, item)
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.below.next_deadline(), self.board.map(|_| self.next))
    }

    fn ready(&self) -> Result<bool, &dyn fmt::Display> {
        self.below.ready()
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.below.counters(visit);
    }

    fn all_cores(&self) -> Option<&dyn AllCores> {
        self.below.all_cores()
    }

    fn list(&self, line: &mut dyn FnMut(fmt::Arguments<'_>)) {
        self.below.list(line);
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        if let (Some(board), Some(port)) = (self.board, setup.page_port) {
            board.set_port(port, setup.page_from);
            setup.page_port = None;
        }
        self.below.configure(setup);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(port) = self.board.and_then(Board::port) {
            layer::format_number(f, " page ", port.into())?;
        }
        self.below.describe(f)
    }
}

impl<L: fmt::Debug> fmt::Debug for Watch<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { below, board, .. } = self;
        f.debug_struct("Watch").field("below", below).field("board", board).finish_non_exhaustive()
    }
}
