//! Counters: plain numbers in each layer, listed by walking the tower.

use core::fmt;

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
/// `visit(&self, visit: &mut dyn FnMut(Counter))`.
///
/// ```
/// netif::counters! {
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
        #[non_exhaustive]
        pub struct $Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl $Counters {
            /// Shows each counter to `visit`, in the order in which they are declared.
            pub fn visit(&self, visit: &mut dyn FnMut($crate::Counter)) {
                const NAMES: &[&str] = &[$(stringify!($name)),*];
                for (name, value) in NAMES.iter().zip([$(self.$name),*]) {
                    visit($crate::Counter { layer: $layer, name, value });
                }
            }
        }
    };
}
