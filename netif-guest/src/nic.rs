//! The network device of a guest that is one of Xen or of KVM.

use core::{fmt, time::Duration};

use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{Capture, MacAddr, Netif, RxFrame};
use netif_virtio::KvmNet;
use netif_xen::Netfront;
use rt::{Config, Runtime};
use rt_guest::{Event, Rt};
use rt_regions::Region;
use rt_xen::Domain;

use crate::Error;

/// The network device of a guest, whichever the host is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, in the tower")]
pub enum Device {
    /// On Xen.
    Xen(Netfront<&'static Domain>),
    /// On KVM.
    Kvm(KvmNet),
}

/// Calls a method of the interface that there is.
macro_rules! each {
    ($self:ident, $netif:ident => $call:expr) => {
        match $self {
            Self::Xen($netif) => $call,
            Self::Kvm($netif) => $call,
        }
    };
}

impl Device {
    /// Opens the network device that the arguments name by its number (`--interface=0`), or the first device, for the guest
    /// that runs here. The hardware address is that of `--mac`, or the device's own. Its frames are shown to the runtime's
    /// recorder.
    ///
    /// # Errors
    /// There is no such device, or it cannot be used (status 1). Status 2 for an argument that is not a number, or for
    /// `--offloads=on` without the feature `segmentation`.
    // Inlined, so that it is compiled in the program like the rest of the interface, and only once.
    #[inline]
    pub fn open(
        runtime: &mut Rt,
        config: &Config,
    ) -> Result<Capture<Self, <Rt as Runtime>::Recorder>, rt::Error> {
        let (memory, recorder) = (runtime.memory(), runtime.recorder()?);
        #[cfg(feature = "cores")]
        let cores = runtime.core().count();
        #[cfg(not(feature = "cores"))]
        let cores = 1;
        let netif = match runtime {
            Rt::Xen(rt) => Netfront::configured(rt.guest(), config, memory).map(Self::Xen),
            Rt::Kvm(rt) => KvmNet::configured(rt.guest(), config, memory, cores).map(Self::Kvm),
        };
        netif.map(|netif| Capture::new(netif, recorder))
    }

    /// The queues that the device has for this core, which is not the first, if it has any.
    #[cfg(feature = "cores")]
    pub(crate) fn queues(runtime: &Rt, config: &Config) -> Option<DeviceQueues> {
        let core = runtime.core().index();
        match runtime {
            Rt::Xen(_) => None,
            Rt::Kvm(rt) => KvmNet::queues(rt.guest(), config, rt.memory(), core).map(DeviceQueues),
        }
    }
}

impl Netif for Device {
    type Error = Error;
    type Event = Event;

    fn mac(&self) -> MacAddr {
        each!(self, netif => netif.mac())
    }

    fn mtu(&self) -> usize {
        each!(self, netif => netif.mtu())
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        each!(self, netif => netif.offloads())
    }

    fn room(&self) -> usize {
        each!(self, netif => netif.room())
    }

    fn link_up(&self) -> bool {
        each!(self, netif => netif.link_up())
    }

    fn is_spread(&self) -> bool {
        each!(self, netif => netif.is_spread())
    }

    fn link_interval(&self) -> Option<Duration> {
        each!(self, netif => netif.link_interval())
    }

    fn event(&self) -> Event {
        match self {
            Self::Xen(netif) => Event::Xen(netif.event()),
            Self::Kvm(netif) => Event::Kvm(netif.event()),
        }
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Error> {
        match self {
            Self::Xen(netif) => netif.receive(region).map_err(Error::Xen),
            Self::Kvm(netif) => netif.receive(region).map_err(Error::Kvm),
        }
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Error> {
        match self {
            Self::Xen(netif) => netif.transmit(frame, offload).map_err(Error::Xen),
            Self::Kvm(netif) => netif.transmit(frame, offload).map_err(Error::Kvm),
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, netif => netif.describe(f))
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        each!(self, netif => netif.counters(visit));
    }
}

/// The queues that a device of KVM has for another core than the first.
#[cfg(feature = "cores")]
#[derive(Debug)]
pub struct DeviceQueues(netif_virtio::KvmQueues);

#[cfg(feature = "cores")]
impl Netif for DeviceQueues {
    type Error = Error;
    type Event = Event;

    fn mac(&self) -> MacAddr {
        self.0.mac()
    }

    fn mtu(&self) -> usize {
        self.0.mtu()
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        self.0.offloads()
    }

    fn room(&self) -> usize {
        self.0.room()
    }

    #[inline]
    fn link_up(&self) -> bool {
        self.0.link_up()
    }

    fn event(&self) -> Event {
        Event::Kvm(self.0.event())
    }

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Error> {
        self.0.receive(region).map_err(Error::Kvm)
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Error> {
        self.0.transmit(frame, offload).map_err(Error::Kvm)
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.0.counters(visit);
    }
}
