//! A test of a program that has a `main` of its own.

use libtest_mimic::Trial;

/// A test that passes unless it panics.
pub(crate) fn trial(name: impl Into<String>, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, || {
        test();
        Ok(())
    })
}
