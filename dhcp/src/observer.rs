//! Who is told of leases.

use core::fmt;

use crate::Lease;

/// A function that is told of each new lease, and when there is none any more.
type Tell<'g> = &'g dyn Fn(Option<&Lease>);

/// Who is told, if anybody is.
#[derive(Clone, Copy)]
pub(crate) struct Observer<'g>(pub(crate) Option<Tell<'g>>);

impl Observer<'_> {
    /// Nobody is told.
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn tell(self, lease: Option<&Lease>) {
        if let Some(tell) = self.0 {
            tell(lease);
        }
    }
}

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "no observer" })
    }
}
