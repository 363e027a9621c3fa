//! The counters of a service, and the switch of its log, beside those of the layers.

use core::{cell::Cell, fmt};

use crate::{Counter, Setup, split::split};

/// One counter of a service. It counts through a shared reference, because what counts (closures, tasks) shares it.
#[derive(Debug, Default)]
pub struct Count(Cell<u64>);

impl Count {
    /// Adds `number`. Beyond 64 bits it begins again.
    #[inline]
    pub fn add(&self, number: u64) {
        self.0.set(self.0.get().wrapping_add(number));
    }

    /// Sets the value, for what does not only grow: a number of entries.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.set(value);
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// What a service counts and whether it logs. [`service_counters!`](crate::service_counters) implements it; an array of
/// references implements it for several services.
pub trait ServiceCounters {
    /// Calls `visit` with each counter, in the order in which they are declared.
    fn visit(&self, visit: &mut dyn FnMut(Counter));

    /// Turns the log on if `setup` names it, see [`Setup::turn_on`].
    fn configure(&self, setup: &mut Setup<'_>);
}

// Not of each type by itself: the code that derives make of it would be in every image.
impl fmt::Debug for dyn ServiceCounters + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceCounters")
    }
}

impl ServiceCounters for Option<&dyn ServiceCounters> {
    fn visit(&self, visit: &mut dyn FnMut(Counter)) {
        if let Some(service) = self {
            service.visit(visit);
        }
    }

    fn configure(&self, setup: &mut Setup<'_>) {
        if let Some(service) = self {
            service.configure(setup);
        }
    }
}

impl<const N: usize> ServiceCounters for [&dyn ServiceCounters; N] {
    fn visit(&self, visit: &mut dyn FnMut(Counter)) {
        for service in self {
            service.visit(visit);
        }
    }

    fn configure(&self, setup: &mut Setup<'_>) {
        for service in self {
            service.configure(setup);
        }
    }
}

/// Shows counts to `visit`, for [`service_counters!`](crate::service_counters). `names` holds their names, with a space
/// after each. All services share this one copy of the code.
#[doc(hidden)]
pub fn visit_counts(
    layer: &'static str,
    names: &'static str,
    counts: &[&Count],
    visit: &mut dyn FnMut(Counter),
) {
    for (name, count) in split(names, b' ').zip(counts) {
        visit(Counter { layer, name, value: count.get() });
    }
}

/// Declares the counters of a service: a struct of [`Count`]s, which begin at zero, and the switch of its log. The text
/// is the name of the service, in lines of counters and in `--log`.
///
/// The struct has no destructor, so it lives in a region. A layer with services shows it with its own counters, as
/// `Udp::with_service_counters` of the crate `udp` does.
///
/// ```
/// use layer::ServiceCounters as _;
///
/// layer::service_counters! {
///     /// What the store counted.
///     struct Counters of "kv" {
///         /// Keys that were there.
///         hits,
///         /// Keys that were not.
///         misses,
///     }
/// }
/// let counters = Counters::default();
/// let get = |found: bool| if found { counters.hits.add(1) } else { counters.misses.add(1) };
/// get(true);
/// let mut lines = Vec::new();
/// counters.visit(&mut |counter| lines.push(counter.to_string()));
/// assert_eq!(lines, ["kv.hits 1", "kv.misses 0"]);
/// assert!(!counters.log());
/// ```
#[macro_export]
macro_rules! service_counters {
    ($(#[$meta:meta])* $visibility:vis struct $Counters:ident of $service:literal {
        $($(#[$doc:meta])* $name:ident),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $visibility struct $Counters {
            $($(#[$doc])* $visibility $name: $crate::Count,)*
            log_switch: ::core::cell::Cell<bool>,
        }

        impl $Counters {
            /// Whether the service logs: the switch for `log!`.
            #[allow(dead_code, reason = "not every service logs")]
            $visibility fn log(&self) -> bool {
                self.log_switch.get()
            }
        }

        impl $crate::ServiceCounters for $Counters {
            fn visit(&self, visit: &mut dyn FnMut($crate::Counter)) {
                let names = concat!($(stringify!($name), " "),*);
                let counts = [$(&self.$name),*];
                $crate::visit_counts($service, names, &counts, visit);
            }

            fn configure(&self, setup: &mut $crate::Setup<'_>) {
                let mut log = self.log_switch.get();
                setup.turn_on($service, &mut log);
                self.log_switch.set(log);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use super::*;

    service_counters! {
        struct One of "one" {
            /// Counted.
            hits,
        }
    }

    service_counters! {
        struct Other of "other" {
            entries,
            hits,
        }
    }

    fn lines(counters: &dyn ServiceCounters) -> Vec<String> {
        let mut lines = Vec::new();
        counters.visit(&mut |counter| lines.push(std::format!("{counter}")));
        lines
    }

    #[test]
    fn several_are_listed_in_their_order() {
        let (one, other) = (One::default(), Other::default());
        one.hits.add(2);
        other.hits.add(u64::MAX);
        other.hits.add(2);
        other.entries.set(7);
        let both: [&dyn ServiceCounters; 2] = [&one, &other];
        assert_eq!(lines(&both), ["one.hits 2", "other.entries 7", "other.hits 1"]);
    }

    #[test]
    fn a_log_is_turned_on_by_the_name_of_its_service_alone() {
        for (asked, expected) in [
            ("one", (true, false)),
            ("other", (false, true)),
            ("all", (true, true)),
            ("on", (false, false)),
        ] {
            let (one, other) = (One::default(), Other::default());
            let both: [&dyn ServiceCounters; 2] = [&one, &other];
            let mut setup = Setup::default();
            setup.log = Some(asked);
            both.configure(&mut setup);
            assert_eq!((one.log(), other.log()), expected, "{asked}");
            assert_eq!(setup.found_log(), asked != "on");
            // What is on stays on.
            both.configure(&mut Setup::default());
            assert_eq!((one.log(), other.log()), expected, "{asked}");
        }
    }
}
