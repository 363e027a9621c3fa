//! A macro for the methods that a layer forwards to the layer below.

/// Implements methods of [`Layer`](crate::Layer) by forwarding them to the layer below. The first arguments are the
/// field that holds the layer below, its type, and this layer's name as a text. The macro always implements the types
/// `Error` and `Event` and the methods `event` and `counters`. It implements `unclaimed`, `next_deadline`, `ready`,
/// `configure`, `describe`, `end`, `list` and `all_cores` if they are listed after the semicolon.
///
/// The layer needs a field `counters`, declared with [`counters!`](crate::counters). For `configure` it also needs a
/// field `log`, a `bool`, which is all that this method sets. If the name is followed by `in` and another field, that
/// field's method `stats` returns the counters instead. Each `and` with a field adds further counters, which that field's
/// method `visit` shows.
///
/// ```
/// use layer::{Instant, Layer, Rx};
/// use rt_regions::Region;
///
/// layer::counters! {
///     /// What it counted.
///     pub struct Counters of "sieve" {
///         /// Items that were handed up.
///         items_rx,
///     }
/// }
///
/// /// A layer that counts what passes through it.
/// struct Sieve<L> {
///     below: L,
///     counters: Counters,
///     log: bool,
/// }
///
/// impl<L: Layer> Layer for Sieve<L> {
///     type Item<'r> = L::Item<'r>;
///
///     layer::forward!(below: L, "sieve"; unclaimed, next_deadline, ready, configure, describe, end);
///
///     fn receive<'r>(
///         &mut self,
///         now: Instant,
///         region: &'r Region<'_>,
///     ) -> Result<Rx<L::Item<'r>>, L::Error> {
///         let item = self.below.receive(now, region)?;
///         self.counters.items_rx += u64::from(matches!(item, Rx::Item(_)));
///         Ok(item)
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward {
    (
        $below:ident: $Below:ident, $name:literal $(in $value:ident)? $(and $more:ident)*
        $(; $($method:ident),+)?
    ) => {
        type Error = $Below::Error;
        type Event = $Below::Event;

        fn event(&self) -> $Below::Event {
            self.$below.event()
        }

        fn counters(&self, visit: &mut dyn FnMut($crate::Counter)) {
            self.$below.counters(visit);
            $crate::forward!(@stats self $($value)?).visit(visit);
            $(self.$more.visit(visit);)*
        }

        $($($crate::forward!(@$method $below $Below $name);)+)?
    };
    (@stats $this:ident) => {
        $this.counters
    };
    (@stats $this:ident $value:ident) => {
        $this.$value.stats()
    };
    (@unclaimed $below:ident $Below:ident $name:literal) => {
        fn unclaimed(
            &mut self,
            now: $crate::Instant,
            item: Self::Item<'_>,
        ) -> Result<(), $Below::Error> {
            self.$below.unclaimed(now, item)
        }
    };
    (@next_deadline $below:ident $Below:ident $name:literal) => {
        fn next_deadline(&self) -> Option<$crate::Instant> {
            self.$below.next_deadline()
        }
    };
    (@ready $below:ident $Below:ident $name:literal) => {
        fn ready(&self) -> Result<bool, &dyn ::core::fmt::Display> {
            self.$below.ready()
        }
    };
    (@end $below:ident $Below:ident $name:literal) => {
        const SAYS_GOODBYE: bool = $Below::SAYS_GOODBYE;

        #[inline]
        fn end(&mut self, now: $crate::Instant) -> Result<bool, $Below::Error> {
            self.$below.end(now)
        }
    };
    (@all_cores $below:ident $Below:ident $name:literal) => {
        #[inline]
        fn all_cores(&self) -> Option<&dyn $crate::AllCores> {
            self.$below.all_cores()
        }
    };
    (@list $below:ident $Below:ident $name:literal) => {
        fn list(&self, line: &mut dyn FnMut(::core::fmt::Arguments<'_>)) {
            self.$below.list(line);
        }
    };
    (@configure $below:ident $Below:ident $name:literal) => {
        fn configure(&mut self, setup: &mut $crate::Setup<'_>) {
            setup.turn_on($name, &mut self.log);
            self.$below.configure(setup);
        }
    };
    (@describe $below:ident $Below:ident $name:literal) => {
        fn describe(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            self.$below.describe(f)
        }
    };
}
