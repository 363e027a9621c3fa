//! Event channels (`event_channel.h`).
//!
//! A guest with one processor polls them: all of them stay masked, and no interrupt is requested. With several (feature `cores`)
//! each core waits by interrupts, for the channels that are bound to its processor, which are not masked. It cannot poll: Xen
//! wakes a processor that polls more than one channel for each event of the domain (`evtchn_check_pollers`), and so for those
//! of all other cores.

use layer::Instant;
use rt_pvh::pvclock::Clock;

use crate::{
    DomainId, Errno, Port,
    operations::{EventCalls, Xen},
    shared_info::SharedInfo,
};

/// The most ports that one poll takes. A core that has a bell does not poll it.
const MOST_PORTS: usize = 3;

/// The event channels of the guest, in the 2-level ABI: 4096 channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events<'s, X = Xen> {
    xen: X,
    shared: &'s SharedInfo,
    /// By what this core is interrupted; `None` if it polls.
    #[cfg(feature = "cores")]
    upcall: Option<Upcall>,
}

/// By what a core is interrupted (`evtchn_upcall_pending`).
#[cfg(feature = "cores")]
#[derive(Clone, Copy, Debug)]
struct Upcall {
    /// The virtual processor of the core.
    vcpu: u32,
    /// The channel of its timer, bound to it.
    timer: Port,
}

impl<'s, X: EventCalls> Events<'s, X> {
    /// Masks all channels.
    pub(crate) fn new(xen: X, shared: &'s SharedInfo) -> Self {
        shared.mask_all();
        Self {
            xen,
            shared,
            #[cfg(feature = "cores")]
            upcall: None,
        }
    }

    /// Opens a channel that `remote` can bind. Its events are for this core.
    pub(crate) fn open(&self, remote: DomainId) -> Result<Port, Errno> {
        let port = self.xen.alloc_unbound(remote)?;
        // An earlier channel with this number may have left an event.
        self.shared.take_pending(port);
        #[cfg(feature = "cores")]
        if let Some(Upcall { vcpu, .. }) = self.upcall {
            self.bind(port, vcpu)?;
        }
        Ok(port)
    }

    /// Closes a channel. If it is closed already, nothing is done.
    pub(crate) fn close(&self, port: Port) {
        // The next channel with this number may be another core's.
        #[cfg(feature = "cores")]
        self.shared.mask(port);
        let _ = self.xen.close(port);
        self.shared.take_pending(port);
    }

    /// Notifies the other end.
    pub(crate) fn notify(&self, port: Port) -> Result<(), Errno> {
        self.xen.send(port)
    }

    /// Whether an event is pending on `port`. It costs one load.
    #[inline]
    pub(crate) fn is_pending(&self, port: Port) -> bool {
        self.shared.is_pending(port)
    }

    /// Whether an event has come on `port` since the last call. It must be called before the caller checks what the
    /// event was about, so that an event in between is not lost.
    pub(crate) fn take(&self, port: Port) -> bool {
        self.shared.take_pending(port)
    }

    /// Sleeps until an event is pending on one of `ports`, or the deadline passes. It returns at once if one is pending
    /// already, and leaves the events pending.
    pub(crate) fn poll(
        &self,
        ports: &[Option<Port>],
        deadline: Option<Instant>,
    ) -> Result<(), Errno> {
        let mut list = [0; MOST_PORTS];
        let mut count = 0;
        for (port, place) in ports.iter().flatten().zip(&mut list) {
            *place = port.0;
            count += 1;
        }
        self.xen.poll(&list[..count], timeout(deadline))
    }
}

#[cfg(feature = "cores")]
impl<'s, X: EventCalls> Events<'s, X> {
    /// The channels as the core of this virtual processor uses them, which waits by interrupts; `timer` is the channel of its
    /// timer. Before, somebody has masked all channels.
    pub(crate) fn by_upcalls(xen: X, shared: &'s SharedInfo, vcpu: u32, timer: Port) -> Self {
        shared.unmask(timer);
        Self { xen, shared, upcall: Some(Upcall { vcpu, timer }) }
    }

    /// Has events on `port`, which is bound to the processor of this core, end a [`wait`](Self::wait). A core that polls does not
    /// need that.
    pub(crate) fn listen(&self, port: Port) {
        if self.upcall.is_some() {
            self.shared.unmask(port);
        }
    }

    /// Opens a channel that `remote` can bind, for the core of this virtual processor. If this core polls, so do all.
    pub(crate) fn open_for(&self, remote: DomainId, vcpu: u32) -> Result<Port, Errno> {
        let port = self.xen.alloc_unbound(remote)?;
        self.shared.take_pending(port);
        self.bind(port, vcpu)?;
        Ok(port)
    }

    /// Binds a channel that was just opened to this virtual processor, and listens to it there. It is the first one's until then. If Xen
    /// refuses, the channel is closed.
    fn bind(&self, port: Port, vcpu: u32) -> Result<(), Errno> {
        if vcpu > 0 {
            self.xen.bind_vcpu(port, vcpu).inspect_err(|_| self.close(port))?;
        }
        self.listen(port);
        Ok(())
    }

    /// Sleeps until an event is pending on one of `ports`, or the deadline passes, or earlier. It returns at once if one is
    /// pending already, and leaves the events pending. Called by the core whose channels these are.
    ///
    /// A core that is interrupted loses no event, in this order:
    ///
    /// 1. The upcall is cleared, and what says in which words there are events
    ///    ([`clear_upcall`](SharedInfo::clear_upcall)). From here on an event on a channel that is not pending sets the upcall.
    /// 2. The event of an earlier timer is taken, so that the new timer's is one.
    /// 3. The core looks whether an event is pending on one of `ports`, for such a channel sets no upcall. Then there is no
    ///    sleep.
    /// 4. The timer is set. An earlier one that has run out since step 1 ends the sleep, which is too early and does no harm.
    ///    Without a deadline it may be still set, and ends the sleep too.
    /// 5. The processor enables interrupts and stops, with nothing in between. If the upcall was set since step 1, by whatever
    ///    channel that is not masked, Xen interrupts at once.
    ///
    /// The upcall stays set while the core works, so that events do not stop it.
    pub(crate) fn wait(
        &self,
        ports: &[Option<Port>],
        deadline: Option<Instant>,
    ) -> Result<(), Errno> {
        let Some(upcall) = self.upcall else { return self.poll(ports, deadline) };
        self.shared.clear_upcall(upcall.vcpu);
        self.look_and_stop(upcall, ports, deadline)
    }

    /// The steps of [`wait`](Self::wait) but the first.
    fn look_and_stop(
        &self,
        Upcall { vcpu, timer }: Upcall,
        ports: &[Option<Port>],
        deadline: Option<Instant>,
    ) -> Result<(), Errno> {
        self.take(timer);
        if ports.iter().flatten().any(|port| self.is_pending(*port)) {
            return Ok(());
        }
        match timeout(deadline) {
            0 => {}
            end => self.xen.set_timer(vcpu, end)?,
        }
        self.xen.wait_for_upcall();
        Ok(())
    }
}

/// Converts a deadline for `SCHEDOP_poll`, for which 0 is none, and for the timer of a processor. A time that Xen cannot
/// represent in 63 bits counts as none. Time zero becomes one nanosecond, which has passed as well.
fn timeout(deadline: Option<Instant>) -> u64 {
    match deadline {
        Some(deadline) if deadline.as_nanos() <= i64::MAX as u64 => deadline.as_nanos().max(1),
        _ => 0,
    }
}

/// The other side of a ring, which can be waited for and notified.
pub(crate) trait Peer {
    /// The time now.
    fn now(&self) -> Instant;

    /// Notifies the other side that there is something new in the ring.
    fn notify(&self);

    /// Sleeps until the other side may have changed the ring, or `deadline` passes.
    fn sleep(&self, deadline: Instant);

    /// Whether the other side may have changed the ring since the last call or the last sleep. It must be called before
    /// the ring is read. It costs one load if nothing has changed.
    fn take_pending(&self) -> bool;
}

/// The other side of a ring that has an event channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel<'s, X = Xen> {
    pub(crate) events: Events<'s, X>,
    pub(crate) clock: &'s Clock<'s>,
    pub(crate) port: Port,
}

impl<X: EventCalls> Peer for Channel<'_, X> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn notify(&self) {
        // If the other end has closed the channel, nobody can be notified. A caller that waits for a reply has a
        // deadline.
        let _ = self.events.notify(self.port);
    }

    /// It polls, also where cores wait by interrupts: another core than the first sleeps here too, when it prints a line, and Xen
    /// wakes one that polls a single channel for that one.
    fn sleep(&self, deadline: Instant) {
        // If the port cannot be polled, there is no sleep. The caller's deadline ends that as well.
        let _ = self.events.poll(&[Some(self.port)], Some(deadline));
        self.events.take(self.port);
    }

    #[inline]
    fn take_pending(&self) -> bool {
        self.events.is_pending(self.port) && self.events.take(self.port)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, vec, vec::Vec};

    use super::*;

    /// What Xen was asked.
    #[derive(Debug, PartialEq, Eq)]
    enum Call {
        Open(u16),
        Close(u32),
        Send(u32),
        Poll(Vec<u32>, u64),
        #[cfg(feature = "cores")]
        Bind(u32, u32),
        #[cfg(feature = "cores")]
        Timer(u32, u64),
        #[cfg(feature = "cores")]
        Stop,
    }

    /// A Xen that writes down what it is asked.
    #[derive(Default)]
    struct Calls(RefCell<Vec<Call>>);

    impl EventCalls for &Calls {
        fn alloc_unbound(&self, remote: DomainId) -> Result<Port, Errno> {
            self.0.borrow_mut().push(Call::Open(remote.0));
            if remote.0 == 7 { Err(Errno::ENOSPC) } else { Ok(Port(70)) }
        }

        fn close(&self, port: Port) -> Result<(), Errno> {
            self.0.borrow_mut().push(Call::Close(port.0));
            Err(Errno::EINVAL)
        }

        fn send(&self, port: Port) -> Result<(), Errno> {
            self.0.borrow_mut().push(Call::Send(port.0));
            Ok(())
        }

        fn poll(&self, ports: &[u32], timeout: u64) -> Result<(), Errno> {
            self.0.borrow_mut().push(Call::Poll(ports.to_vec(), timeout));
            Ok(())
        }

        #[cfg(feature = "cores")]
        fn bind_vcpu(&self, port: Port, vcpu: u32) -> Result<(), Errno> {
            self.0.borrow_mut().push(Call::Bind(port.0, vcpu));
            if vcpu == 7 { Err(Errno::ENOENT) } else { Ok(()) }
        }

        #[cfg(feature = "cores")]
        fn set_timer(&self, vcpu: u32, deadline: u64) -> Result<(), Errno> {
            self.0.borrow_mut().push(Call::Timer(vcpu, deadline));
            Ok(())
        }

        #[cfg(feature = "cores")]
        fn wait_for_upcall(&self) {
            self.0.borrow_mut().push(Call::Stop);
        }
    }

    #[test]
    fn a_channel_is_opened_without_the_events_of_the_one_before() {
        let (calls, shared) = (Calls::default(), SharedInfo::zeroed());
        let events = Events::new(&calls, &shared);
        shared.set_pending(Port(70));
        assert_eq!(events.open(DomainId(0)), Ok(Port(70)));
        assert!(!events.is_pending(Port(70)));
        assert_eq!(events.open(DomainId(7)), Err(Errno::ENOSPC));
        assert_eq!(events.notify(Port(70)), Ok(()));
        shared.set_pending(Port(70));
        events.close(Port(70));
        assert!(!events.is_pending(Port(70)));
        let asked = vec![Call::Open(0), Call::Open(7), Call::Send(70), Call::Close(70)];
        assert_eq!(*calls.0.borrow(), asked);
    }

    #[test]
    fn a_poll_names_all_ports_and_the_deadline() {
        let (calls, shared) = (Calls::default(), SharedInfo::zeroed());
        let events = Events::new(&calls, &shared);
        let deadline = Some(Instant::from_millis(5));
        events.poll(&[1, 2, 70].map(|port| Some(Port(port))), deadline).unwrap();
        events.poll(&[None; 3], None).unwrap();
        let asked = vec![Call::Poll(vec![1, 2, 70], 5_000_000), Call::Poll(vec![], 0)];
        assert_eq!(*calls.0.borrow(), asked);
    }

    #[test]
    fn zero_is_no_timeout_and_only_no_deadline_becomes_zero() {
        assert_eq!(timeout(None), 0);
        assert_eq!(timeout(Some(Instant::ZERO)), 1);
        assert_eq!(timeout(Some(Instant::from_nanos(1))), 1);
        let last = i64::MAX as u64;
        assert_eq!(timeout(Some(Instant::from_nanos(last))), last);
        assert_eq!(timeout(Some(Instant::from_nanos(last + 1))), 0);
        assert_eq!(timeout(Some(Instant::from_nanos(u64::MAX))), 0);
    }

    #[test]
    fn a_ring_hears_each_event_once_and_sleeps_on_its_own_port() {
        let (calls, shared) = (Calls::default(), SharedInfo::zeroed());
        let clock = shared.clock();
        let events = Events::new(&calls, &shared);
        let channel = Channel { events, clock: &clock, port: Port(9) };
        shared.set_pending(Port(9));
        shared.set_pending(Port(8));
        assert!(channel.take_pending() && !channel.take_pending());
        shared.set_pending(Port(9));
        channel.sleep(Instant::from_nanos(77));
        assert!(!channel.take_pending());
        channel.notify();
        assert!(events.is_pending(Port(8)));
        assert_eq!(*calls.0.borrow(), vec![Call::Poll(vec![9], 77), Call::Send(9)]);
    }
}

#[cfg(all(test, feature = "cores"))]
mod upcall_tests;
