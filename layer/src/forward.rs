//! What a layer hands on unchanged.

/// Implements the methods of [`Layer`](crate::Layer) that a layer passes on to the one below it, which is in the field that is
/// named and of the type that follows: the types `Error` and `Event`, `event`, `counters` and `set_log`; and, if they are named
/// behind the semicolon, `unclaimed`, `next_deadline` and `ready`.
///
/// The layer has the fields `counters`, made by [`counters!`](crate::counters), and `log`, a `bool`; the text is its name. With
/// `in` and the name of another field behind the text, that value has the counters, which its method `stats` gives, and is told of
/// the log by its method `set_log`.
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
///     layer::forward!(below: L, "sieve"; unclaimed, next_deadline, ready);
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
    ($below:ident: $Below:ident, $name:literal $(in $value:ident)? $(; $($method:ident),+)?) => {
        type Error = $Below::Error;
        type Event = $Below::Event;

        fn event(&self) -> $Below::Event {
            self.$below.event()
        }

        fn counters(&self, visit: &mut dyn FnMut($crate::Counter)) {
            self.$below.counters(visit);
            $crate::forward!(@stats self $($value)?).visit(visit);
        }

        fn set_log(&mut self, layer: &str, on: bool) -> bool {
            let ours = matches!(layer, $name | "all");
            if ours {
                self.log = on;
                $(self.$value.set_log(on);)?
            }
            self.$below.set_log(layer, on) || ours
        }

        $($($crate::forward!(@$method $below $Below);)+)?
    };
    (@stats $this:ident) => {
        $this.counters
    };
    (@stats $this:ident $value:ident) => {
        $this.$value.stats()
    };
    (@unclaimed $below:ident $Below:ident) => {
        fn unclaimed(
            &mut self,
            now: $crate::Instant,
            item: Self::Item<'_>,
        ) -> Result<(), $Below::Error> {
            self.$below.unclaimed(now, item)
        }
    };
    (@next_deadline $below:ident $Below:ident) => {
        fn next_deadline(&self) -> Option<$crate::Instant> {
            self.$below.next_deadline()
        }
    };
    (@ready $below:ident $Below:ident) => {
        fn ready(&self) -> Result<bool, &dyn core::fmt::Display> {
            self.$below.ready()
        }
    };
}
