//! What a layer over a link hands on unchanged.

/// Implements all of [`Link`](crate::Link) by the link in the field that is named, for a layer that stands over it: what
/// it sends goes down unchanged.
///
/// ```
/// use ethernet::{Frame, Link};
/// use layer::{Instant, Layer, Rx};
/// use rt_regions::Region;
///
/// layer::counters! {
///     /// What it counted.
///     pub struct Counters of "sieve" {
///         /// Frames that were handed up.
///         frames_rx,
///     }
/// }
///
/// /// A link that counts what passes through it.
/// struct Sieve<L> {
///     below: L,
///     counters: Counters,
///     log: bool,
/// }
///
/// impl<L: Link> Layer for Sieve<L> {
///     type Item<'r> = Frame<'r>;
///
///     layer::forward!(below: L, "sieve"; unclaimed, next_deadline, ready, configure, describe, end);
///
///     fn receive<'r>(
///         &mut self,
///         now: Instant,
///         region: &'r Region<'_>,
///     ) -> Result<Rx<Frame<'r>>, L::Error> {
///         let frame = self.below.receive(now, region)?;
///         self.counters.frames_rx += u64::from(matches!(frame, Rx::Item(_)));
///         Ok(frame)
///     }
/// }
///
/// impl<L: Link> Link for Sieve<L> {
///     ethernet::forward!(below: L);
/// }
/// ```
#[macro_export]
macro_rules! forward {
    ($below:ident: $Below:ident) => {
        fn mac(&self) -> $crate::netif::MacAddr {
            self.$below.mac()
        }

        fn mtu(&self) -> usize {
            self.$below.mtu()
        }

        fn limit_mtu(&mut self, mtu: ::core::option::Option<usize>) -> bool {
            self.$below.limit_mtu(mtu)
        }

        fn offloads(&self) -> $crate::layer_crate::Offloads {
            self.$below.offloads()
        }

        fn room(&self) -> usize {
            self.$below.room()
        }

        fn link_up(&self) -> bool {
            self.$below.link_up()
        }

        fn link_interval(&self) -> ::core::option::Option<::core::time::Duration> {
            self.$below.link_interval()
        }

        fn join(&mut self, group: $crate::netif::MacAddr) -> Result<(), $crate::JoinError> {
            self.$below.join(group)
        }

        fn leave(&mut self, group: $crate::netif::MacAddr) {
            self.$below.leave(group);
        }

        fn send(
            &mut self,
            now: $crate::layer_crate::Instant,
            destination: $crate::netif::MacAddr,
            ethertype: $crate::EtherType,
            payload: impl $crate::layer_crate::Payload,
            offload: $crate::layer_crate::TxOffload,
        ) -> Result<(), $Below::Error> {
            self.$below.send(now, destination, ethertype, payload, offload)
        }
    };
}
