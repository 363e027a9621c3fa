//! How much memory those requests may take together that compute.

use core::cell::Cell;

use http::Failure;
use rt_regions::{PAGE_SIZE, Pool};

/// The pages that are left for requests that compute.
#[derive(Debug)]
pub(crate) struct Budget(Cell<usize>);

/// Pages that are taken from a budget, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Taken<'b> {
    budget: &'b Budget,
    pages: usize,
}

const BUSY: Failure =
    Failure::Refused(503, "as many requests as this server takes are in work: ask again later");

impl Budget {
    /// Half of what tasks may take of this pool, so that the other half is left for those that only wait and send.
    pub(crate) fn of(pool: &Pool<'_>) -> Self {
        // Tasks get three quarters of the pool.
        Self(Cell::new(pool.pages() / 8 * 3))
    }

    /// Takes so many pages.
    ///
    /// # Errors
    /// They are not left: status 503.
    pub(crate) fn take(&self, pages: usize) -> Result<Taken<'_>, Failure> {
        self.0.set(self.0.get().checked_sub(pages).ok_or(BUSY)?);
        Ok(Taken { budget: self, pages })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.budget.0.set(self.budget.0.get() + self.pages);
    }
}

/// How many pages an object of so many bytes takes.
pub(crate) fn pages(bytes: usize) -> usize {
    bytes.div_ceil(PAGE_SIZE).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use testkit::with_pool;

    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        with_pool(80, |pool| {
            let budget = Budget::of(pool);
            let first = budget.take(20).unwrap();
            assert_eq!(budget.take(11).unwrap_err().status(), 503);
            let second = budget.take(10).unwrap();
            assert!(budget.take(1).is_err());
            drop(first);
            drop(second);
            assert!(budget.take(31).is_err());
            assert!(budget.take(30).is_ok());
        });
    }
}
