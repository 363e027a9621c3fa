//! Panics that a program makes: in destructors, in closures that a region calls, and in scopes.

use std::{
    alloc::Layout,
    panic::{self, AssertUnwindSafe},
};

use rt_regions::PAGE_SIZE;

use super::{Machine, Open};

/// What a program panics with.
struct Planned;

/// Panics. No hook hears of it: there is nothing wrong.
pub(crate) fn panic_as_planned() -> ! {
    panic::resume_unwind(Box::new(Planned))
}

/// Whether `work` panics as planned. Any other panic goes on.
pub(crate) fn panics(work: impl FnOnce()) -> bool {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => false,
        Err(payload) if payload.is::<Planned>() => true,
        Err(payload) => panic::resume_unwind(payload),
    }
}

impl Machine<'_> {
    /// A closure that the region calls panics, perhaps after it has allocated there. What it was to fill is
    /// taken before, and stays taken.
    pub(crate) fn panicking_closure(&mut self, at @ (id, region): Open<'_>) {
        const VALUE: usize = 700;
        let (kind, allocates) = (self.program.below(4), self.program.below(2) == 1);
        let size = if kind == 0 { VALUE } else { self.program.size().min(PAGE_SIZE) };
        let mut called = None;
        let mut work = || -> () {
            let start = region.alloc_uninit::<u8>(0).map(|end| end.as_ptr().addr() - size);
            let inner = allocates.then(|| region.alloc([0_u8; 40]));
            called = Some((start, inner.map(|inner| inner.map(|bytes| bytes.as_ptr().addr()))));
            panic_as_planned()
        };
        let mut refused = None;
        let panicked = panics(|| {
            refused = match kind {
                0 => region
                    .alloc_with(|| {
                        work();
                        [0_u8; VALUE]
                    })
                    .err(),
                1 => region
                    .alloc_slice_with(size, |index| {
                        if index == size / 2 {
                            work();
                        }
                        0_u8
                    })
                    .err(),
                _ => region
                    .fill(size, |_| {
                        work();
                        (None, ())
                    })
                    .err(),
            };
        });
        assert_eq!(panicked, called.is_some());
        if let Some(refused) = refused {
            assert_eq!((panicked, refused.requested()), (false, size));
            self.model.refused(id, 1, region.name(), &refused);
        }
        if let Some((start, inner)) = called {
            self.model.took(id, size, 1, start.expect("nothing has room"));
            let layout = Layout::new::<[u8; 40]>();
            let inner = inner.and_then(|inner| self.record(at, layout, inner, |&address| address));
            inner.into_iter().for_each(|address| self.model.release(address, layout.size()));
        }
    }
}
