//! Event channels (`event_channel.h`), which are only polled: all of them stay masked, and no interrupt is requested.

use layer::Instant;
use rt_pvh::pvclock::Clock;

use crate::{
    DomainId, Errno, Port,
    operations::{EventCalls, Xen},
    shared_info::SharedInfo,
};

/// The most ports that one poll takes.
#[cfg(not(feature = "cores"))]
pub(crate) const MOST_PORTS: usize = 3;
/// The most ports that one poll takes: one more is the bell of the core.
#[cfg(feature = "cores")]
pub(crate) const MOST_PORTS: usize = 4;

/// The event channels of the guest, in the 2-level ABI: 4096 channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events<'s, X = Xen> {
    xen: X,
    shared: &'s SharedInfo,
}

impl<'s, X: EventCalls> Events<'s, X> {
    /// Masks all channels.
    pub(crate) fn new(xen: X, shared: &'s SharedInfo) -> Self {
        shared.mask_all();
        Self { xen, shared }
    }

    /// Opens a channel that `remote` can bind.
    pub(crate) fn open(&self, remote: DomainId) -> Result<Port, Errno> {
        let port = self.xen.alloc_unbound(remote)?;
        // An earlier channel with this number may have left an event.
        self.shared.take_pending(port);
        Ok(port)
    }

    /// Closes a channel. If it is closed already, nothing is done.
    pub(crate) fn close(&self, port: Port) {
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

/// Converts a deadline for `SCHEDOP_poll`, for which 0 is none. A time that Xen cannot represent in 63 bits counts as
/// none. Time zero becomes one nanosecond, which has passed as well.
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
