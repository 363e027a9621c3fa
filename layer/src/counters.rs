//! Counters: plain numbers in each layer, listed by a walk through the tower.

use core::fmt;

use crate::split::split;

/// The value of one counter of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The name of the layer, such as `ipv4`.
    pub layer: &'static str,
    /// The name of the counter, such as `packets_rx`.
    pub name: &'static str,
    /// How often the event happened.
    pub value: u64,
}

/// `ipv4.packets_rx 17`
impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} {}", self.layer, self.name, self.value)
    }
}

/// Declares the counters of a layer: a struct of `pub u64` fields, which begin at zero, and its method
/// `visit(&self, visit: &mut dyn FnMut(Counter))`. A crate that uses this macro depends on `zerocopy`.
///
/// ```
/// layer::counters! {
///     /// What this layer counted.
///     pub struct Counters of "arp" {
///         /// Requests that were answered.
///         requests_answered,
///     }
/// }
/// let mut counters = Counters::default();
/// counters.requests_answered += 1;
/// counters.visit(&mut |counter| assert_eq!(counter.to_string(), "arp.requests_answered 1"));
/// ```
#[macro_export]
macro_rules! counters {
    ($(#[$meta:meta])* pub struct $Counters:ident of $layer:literal {
        $($(#[$doc:meta])* $name:ident),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[derive(::zerocopy::Immutable, ::zerocopy::IntoBytes)]
        #[non_exhaustive]
        #[repr(C)]
        pub struct $Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl $Counters {
            /// Shows each counter to `visit`, in the order in which they are declared.
            pub fn visit(&self, visit: &mut dyn FnMut($crate::Counter)) {
                let names = concat!($(stringify!($name), " "),*);
                $crate::visit_counters($layer, names, ::zerocopy::IntoBytes::as_bytes(self), visit);
            }
        }
    };
}

/// Shows counters to `visit`, for [`counters!`](crate::counters). `names` holds the names, with a space after each;
/// `values` holds the values, 8 bytes each. All layers share this one copy of the code, and no table of names is
/// needed.
#[doc(hidden)]
pub fn visit_counters(
    layer: &'static str,
    names: &'static str,
    values: &[u8],
    visit: &mut dyn FnMut(Counter),
) {
    let values = values.as_chunks().0.iter().copied().map(u64::from_ne_bytes);
    for (name, value) in split(names, b' ').zip(values) {
        visit(Counter { layer, name, value });
    }
}
