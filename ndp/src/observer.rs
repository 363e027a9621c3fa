//! Who is told of the DNS servers that routers name.

use core::{fmt, net::Ipv6Addr};

/// A function that is told of the servers whenever they are others than before.
type Tell<'g> = &'g dyn Fn(&[Ipv6Addr]);

/// Who is told, if anybody is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Observer<'g>(pub(crate) Option<Tell<'g>>);

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "no observer" })
    }
}
