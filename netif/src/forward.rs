//! The methods that an interface around another one passes on unchanged.

/// Implements all of [`Netif`](crate::Netif) except `receive` and `transmit`, by the interface `N` in the
/// named field. The wrapper implements these two.
///
/// ```
/// use layer::{Payload, Rx, TxOffload};
/// use netif::{Netif, RxFrame};
/// use rt_regions::Region;
///
/// /// An interface that sends nothing.
/// struct Mute<N>(N);
///
/// impl<N: Netif> Netif for Mute<N> {
///     netif::forward!(0);
///
///     fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
///         self.0.receive(region)
///     }
///
///     fn transmit(&mut self, _frame: impl Payload, _offload: TxOffload) -> Result<(), N::Error> {
///         Ok(())
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward {
    ($netif:tt) => {
        type Error = N::Error;
        type Event = N::Event;

        fn mac(&self) -> $crate::MacAddr {
            self.$netif.mac()
        }

        fn mtu(&self) -> usize {
            self.$netif.mtu()
        }

        fn offloads(&self) -> $crate::layer::Offloads {
            self.$netif.offloads()
        }

        fn room(&self) -> usize {
            self.$netif.room()
        }

        fn link_up(&self) -> bool {
            self.$netif.link_up()
        }

        fn is_spread(&self) -> bool {
            self.$netif.is_spread()
        }

        fn link_interval(&self) -> ::core::option::Option<::core::time::Duration> {
            self.$netif.link_interval()
        }

        fn event(&self) -> N::Event {
            self.$netif.event()
        }

        fn describe(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            self.$netif.describe(f)
        }

        fn counters(&self, visit: &mut dyn FnMut($crate::layer::Counter)) {
            self.$netif.counters(visit);
        }
    };
}
