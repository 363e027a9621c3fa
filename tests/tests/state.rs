//! What a service keeps in a table of another crate: the service of the guest that `tests/xen` starts, on Linux.

use guest::store::{self, Outcome};
use testkit::with_pool;

#[test]
fn a_table_that_is_full_costs_one_request_and_the_service_goes_on() {
    with_pool(128, |pool| {
        let outcome = store::exercise(pool).expect("there is room for packets");
        println!("{outcome:?}");
        // A table of 2,048 places, seven eighths of which are used: twice as many do not fit beside it.
        assert_eq!(outcome, Outcome { stored: 1792, refused: 16, found: 1792, again: 1792 });
        assert_eq!(pool.free_pages(), pool.pages(), "all is given back");
    });
}
