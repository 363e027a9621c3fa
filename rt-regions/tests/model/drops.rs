//! Values with destructors: those that a region drops, and when.

use std::{alloc::Layout, cell::RefCell, rc::Rc, thread};

use super::{Machine, Model, Open, held::Held, panics::panic_as_planned};

/// The values that were dropped and not yet compared, in order.
#[derive(Clone, Default)]
pub(crate) struct Drops(Rc<RefCell<Vec<Dropped>>>);

struct Dropped {
    number: u64,
    /// Whether its destructor has panicked.
    panicked: bool,
}

impl Drops {
    /// A value that does not panic when it is dropped, as long as nobody changes that.
    pub(crate) fn noisy(&self, number: u64) -> Noisy {
        Noisy { number, log: self.0.clone(), panics: false, pattern: [0; 13], inverse: !number }
    }

    /// Compares them. `panicked` says whether what dropped them has panicked.
    pub(crate) fn check(&self, model: &mut Model, panicked: bool) {
        let dropped = self.0.take();
        let numbers: Vec<u64> = dropped.iter().map(|dropped| dropped.number).collect();
        model.check_dropped(&numbers);
        assert_eq!(dropped.iter().any(|dropped| dropped.panicked), panicked, "a panic got lost");
    }
}

/// A value that says when it is dropped.
pub(crate) struct Noisy {
    pub(crate) number: u64,
    log: Rc<RefCell<Vec<Dropped>>>,
    /// Whether its destructor panics, unless there is a panic already.
    pub(crate) panics: bool,
    pattern: [u8; 13],
    /// The number with all bits the other way round: nobody wrote over this value.
    inverse: u64,
}

impl Drop for Noisy {
    fn drop(&mut self) {
        assert_eq!(self.inverse, !self.number, "a value to be dropped was written over");
        let panicked = self.panics && !thread::panicking();
        self.log.borrow_mut().push(Dropped { number: self.number, panicked });
        if panicked {
            panic_as_planned();
        }
    }
}

impl Machine<'_> {
    /// Puts a value into the region that is dropped when the region or the scope ends. It takes two
    /// allocations: the value, and what the region notes of it, which is three words.
    pub(crate) fn dropped<'r>(
        &mut self,
        at @ (id, region): Open<'r>,
        panics: bool,
    ) -> Option<Held<'r>> {
        let number = self.steps as u64;
        let noisy = self.drops.noisy(number);
        let before = self.next(at);
        let result = region.alloc_dropping(noisy);
        let (value, record) = (Layout::new::<Noisy>(), Layout::new::<[usize; 3]>());
        match result {
            Ok(noisy) => {
                noisy.panics = panics;
                let address = std::ptr::from_ref(noisy).addr();
                self.model.took(id, value.size(), value.align(), address);
                let record_at = self.next(at) - record.size();
                self.model.took(id, record.size(), record.align(), record_at);
                self.model.will_drop(id, number);
                let bytes = Held::bytes(&mut noisy.pattern, self.seed());
                let Held { what: super::held::What::Bytes(pattern), .. } = &bytes else {
                    unreachable!("it is bytes")
                };
                self.model.claim(pattern.as_ptr().addr(), pattern.len());
                Some(bytes)
            }
            Err(exhausted) => {
                // Dropped at once; if it was the record that had no room, the value's room is gone.
                self.model.drops(number);
                let align = if exhausted.requested() == value.size() {
                    value.align()
                } else {
                    assert_eq!(exhausted.requested(), record.size());
                    let address = self.next(at) - value.size();
                    assert_ne!(before, self.next(at));
                    self.model.took(id, value.size(), value.align(), address);
                    record.align()
                };
                self.model.refused(id, align, region.name(), &exhausted);
                None
            }
        }
        .inspect(|held| held.verify(&self.model))
        .or_else(|| {
            self.drops.check(&mut self.model, false);
            None
        })
    }

    /// Where the next object would go, if it has no alignment and there is room.
    fn next(&self, (_, region): Open<'_>) -> usize {
        region.alloc_uninit::<u8>(0).map_or(0, |empty| empty.as_ptr().addr())
    }
}
