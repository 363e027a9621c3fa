use std::{boxed::Box, cell::RefCell, collections::VecDeque, vec, vec::Vec};

use rt_regions::Pool;

use super::*;
use crate::{
    grants::GrantEntry,
    shared_info::SharedInfo,
    xenstore::daemon::{Daemon, Manners, interface},
};

const STORE: Port = Port(1);
const CONSOLE: Port = Port(2);
const DEVICE: Port = Port(5);

/// What happens while the guest sleeps.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// An event on this port.
    Event(Port),
    /// Somebody writes at this path.
    Changes(&'static str),
    /// Nothing, until the deadline.
    Nothing,
}

/// A Xen with a xenstore that runs while the guest sleeps.
struct FakeXen {
    shared: &'static SharedInfo,
    daemon: Daemon<'static>,
    plan: RefCell<VecDeque<Happens>>,
    slept: RefCell<Vec<Vec<u32>>>,
}

impl FakeXen {
    fn run(&self) {
        if self.daemon.run() {
            self.shared.set_pending(STORE);
        }
    }

    fn has_pending(&self, ports: &[u32]) -> bool {
        ports.iter().any(|&port| self.shared.is_pending(Port(port)))
    }
}

impl EventCalls for &'static FakeXen {
    fn alloc_unbound(&self, _remote: DomainId) -> Result<Port, Errno> {
        Ok(DEVICE)
    }

    fn close(&self, _port: Port) -> Result<(), Errno> {
        Ok(())
    }

    fn send(&self, port: Port) -> Result<(), Errno> {
        if port == STORE {
            self.run();
        }
        Ok(())
    }

    fn poll(&self, ports: &[u32], _timeout: u64) -> Result<(), Errno> {
        if self.has_pending(ports) {
            return Ok(());
        }
        // The xenstore of a request that is under way.
        self.run();
        if self.has_pending(ports) {
            return Ok(());
        }
        self.slept.borrow_mut().push(ports.to_vec());
        match self.plan.borrow_mut().pop_front().unwrap_or(Happens::Nothing) {
            Happens::Event(port) => self.shared.set_pending(port),
            Happens::Changes(path) => {
                self.daemon.change_to(path, "new");
                self.run();
            }
            Happens::Nothing => {}
        }
        Ok(())
    }
}

fn domain(plan: &[Happens]) -> (&'static FakeXen, Domain<&'static FakeXen>) {
    let shared: &'static SharedInfo = Box::leak(Box::new(SharedInfo::zeroed()));
    let interface = Box::leak(Box::new(interface()));
    let xen: &'static FakeXen = Box::leak(Box::new(FakeXen {
        shared,
        daemon: Daemon::new(interface, Manners::default()),
        plan: RefCell::new(plan.iter().copied().collect()),
        slept: RefCell::default(),
    }));
    let memory = vec![core::mem::MaybeUninit::uninit(); 1 << 16].leak();
    let entries: Vec<_> = core::iter::repeat_with(GrantEntry::default).take(16).collect();
    let clock: &'static Clock<'static> = Box::leak(Box::new(shared.clock()));
    let events = Events::new(xen, shared);
    let channel = Channel { events, clock, port: STORE };
    let domain = Domain {
        pool: Box::leak(Box::new(Pool::new(memory))),
        clock,
        events,
        grants: Grants::new(entries.leak()),
        store: Client::new(interface, channel),
        store_port: STORE,
        console: None,
        console_port: Some(CONSOLE),
        #[cfg(feature = "cores")]
        bell: None,
    };
    (xen, domain)
}

/// As a driver asks.
fn fired(domain: &Domain<&'static FakeXen>, watch: &Watch) -> bool {
    domain.listen();
    domain.store.fired(watch)
}

/// A deadline that does not come: the clock of the tests stands still.
const LATER: Option<Instant> = Some(Instant::from_millis(1));

#[test]
fn a_wait_hears_the_device_xenstore_and_the_console() {
    let (xen, domain) =
        domain(&[Happens::Event(DEVICE), Happens::Event(CONSOLE), Happens::Nothing]);
    for _ in 0..3 {
        domain.wait(Some(DEVICE), LATER).unwrap();
        assert!(!xen.shared.is_pending(DEVICE));
    }
    domain.wait(None, None).unwrap();
    assert_eq!(xen.slept.borrow()[..2], [vec![5, 1, 2], vec![5, 1, 2]]);
    // That of the console stays pending without a console that takes it, so nobody sleeps any more.
    assert_eq!(xen.slept.borrow().len(), 2);
}

#[test]
fn what_is_pending_before_the_wait_ends_it_at_once_and_once() {
    let (xen, domain) = domain(&[]);
    xen.shared.set_pending(DEVICE);
    domain.wait(Some(DEVICE), LATER).unwrap();
    assert_eq!(xen.slept.borrow().len(), 0);
    domain.wait(Some(DEVICE), LATER).unwrap();
    assert_eq!(xen.slept.borrow().len(), 1);
}

#[test]
fn a_deadline_that_has_passed_does_not_sleep_and_takes_the_event() {
    let (xen, domain) = domain(&[]);
    xen.shared.set_pending(DEVICE);
    domain.wait(Some(DEVICE), Some(Instant::ZERO)).unwrap();
    assert!(xen.slept.borrow().is_empty() && !xen.shared.is_pending(DEVICE));
}

#[test]
fn a_watch_that_fires_while_another_value_is_read_is_looked_at_before_the_sleep() {
    let (xen, domain) = domain(&[Happens::Nothing, Happens::Changes("backend/state")]);
    let watch = domain.store.watch(format_args!("backend/state")).unwrap();
    while domain.store.has_news() {}
    assert!(fired(&domain, &watch));
    // The event comes before the reply, and nothing is pending any more when both are read.
    xen.daemon.change_to("backend/state", "5");
    let mut buffer = [0; 8];
    assert_eq!(domain.store.read(format_args!("backend/state"), &mut buffer), Ok(&b"5"[..]));
    xen.shared.take_pending(STORE);
    domain.wait(Some(DEVICE), None).unwrap();
    assert!(xen.slept.borrow().is_empty());
    assert!(fired(&domain, &watch) && !fired(&domain, &watch));
    // Looked at: now it sleeps, and hears the next one.
    domain.wait(Some(DEVICE), None).unwrap();
    assert!(xen.slept.borrow().len() == 1 && !fired(&domain, &watch));
    domain.wait(Some(DEVICE), None).unwrap();
    assert!(xen.slept.borrow().len() == 2 && fired(&domain, &watch));
    domain.store.unwatch(format_args!("backend/state"), &watch);
    assert!(xen.daemon.watches().is_empty());
}

/// Only a service that never sleeps hears xenstore in this way alone.
#[test]
fn a_watch_is_heard_without_a_sleep() {
    let (xen, domain) = domain(&[]);
    let watch = domain.store.watch(format_args!("control/shutdown")).unwrap();
    while domain.store.has_news() {}
    assert!(fired(&domain, &watch) && !fired(&domain, &watch));
    xen.daemon.change_to("control/shutdown", "poweroff");
    xen.run();
    assert!(fired(&domain, &watch), "the event was taken, and not the message");
    assert!(xen.slept.borrow().is_empty());
}

#[test]
fn a_page_is_granted_by_the_number_of_its_frame() {
    for (address, number) in [(0x7f_3000, 0x7f3), (0xffff_f000, 0xf_ffff), (0xfff_ffff_f000, !0)] {
        let page = NonNull::new(core::ptr::without_provenance_mut(address)).unwrap();
        assert_eq!(frame(page), number);
    }
}
