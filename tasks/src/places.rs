//! How many may be in work at once.

use core::cell::Cell;

/// Places for what may be in work at once, such as the tasks of a service that has one for each request.
#[derive(Debug)]
pub struct Places {
    limit: usize,
    taken: Cell<usize>,
}

/// One of the [`Places`]; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place(&'static Cell<usize>);

impl Places {
    /// So many places, all of them free.
    pub const fn new(limit: usize) -> Self {
        Self { limit, taken: Cell::new(0) }
    }

    /// How many there are.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes one, if one is free.
    pub fn take(&'static self) -> Option<Place> {
        let taken = self.taken.get();
        (taken < self.limit).then(|| {
            self.taken.set(taken + 1);
            Place(&self.taken)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;

    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let places: &'static Places = Box::leak(Box::new(Places::new(2)));
        let (first, second) = (places.take(), places.take());
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        drop(first);
        let third = places.take();
        assert!(third.is_some() && places.take().is_none() && places.limit() == 2);
        drop((second, third));
        assert!([places.take(), places.take()].iter().all(Option::is_some));
        let none: &'static Places = Box::leak(Box::new(Places::new(0)));
        assert!(none.take().is_none());
    }
}
