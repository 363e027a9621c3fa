//! Counters: plain numbers in each layer, listed by walking the tower.

use core::fmt;

use crate::split::split;

/// One counter of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The layer: `ipv4`.
    pub layer: &'static str,
    /// The counter: `packets_rx`.
    pub name: &'static str,
    /// How often it happened.
    pub value: u64,
}

/// `ipv4.packets_rx 17`
impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} {}", self.layer, self.name, self.value)
    }
}

/// Declares the counters of a layer: a struct of `pub u64` fields, all zero at first, with
/// `visit(&self, visit: &mut dyn FnMut(Counter))`. A crate that uses it depends on `zerocopy`.
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

/// For [`counters!`](crate::counters): shows counters whose names stand one after the other, with a space
/// behind each, and whose values are `values`, 8 bytes each. One copy of the code for all layers, and no
/// table of names.
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
