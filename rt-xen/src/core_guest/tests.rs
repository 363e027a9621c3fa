use std::{boxed::Box, cell::RefCell, iter, mem::MaybeUninit, vec, vec::Vec};

use rt_regions::PAGE_SIZE;

use super::*;
use crate::{grants::GrantEntry, shared_info::SharedInfo};

const VCPU: u32 = 1;
const TIMER: Port = Port(3);
const BELL: Port = Port(4);
const DEVICE: Port = Port(5);

/// A Xen in which one event comes during each stop, in the order of its plan, and then the timer's.
struct FakeXen {
    shared: &'static SharedInfo,
    plan: RefCell<Vec<Port>>,
    deadlines: RefCell<Vec<u64>>,
}

impl EventCalls for &'static FakeXen {
    fn alloc_unbound(&self, _: DomainId) -> Result<Port, Errno> {
        Ok(DEVICE)
    }

    fn close(&self, _: Port) -> Result<(), Errno> {
        Ok(())
    }

    fn send(&self, _: Port) -> Result<(), Errno> {
        Ok(())
    }

    fn poll(&self, _: &[u32], _: u64) -> Result<(), Errno> {
        panic!("a core that is interrupted does not poll");
    }

    fn bind_vcpu(&self, _: Port, vcpu: u32) -> Result<(), Errno> {
        assert_eq!(vcpu, VCPU);
        Ok(())
    }

    fn set_timer(&self, _: u32, deadline: u64) -> Result<(), Errno> {
        self.deadlines.borrow_mut().push(deadline);
        Ok(())
    }

    fn wait_for_upcall(&self) {
        let mut plan = self.plan.borrow_mut();
        let port = if plan.is_empty() { TIMER } else { plan.remove(0) };
        self.shared.raise(VCPU as usize, port);
        assert!(self.shared.has_upcall(VCPU as usize));
    }
}

fn guest(
    plan: &[Port],
    pages: usize,
    grants: usize,
) -> (&'static FakeXen, CoreGuest<&'static FakeXen>) {
    let shared: &'static SharedInfo = Box::leak(Box::new(SharedInfo::zeroed()));
    shared.mask_all();
    let (plan, deadlines) = (RefCell::new(plan.to_vec()), RefCell::default());
    let xen: &'static FakeXen = Box::leak(Box::new(FakeXen { shared, plan, deadlines }));
    let memory = vec![MaybeUninit::uninit(); pages * PAGE_SIZE].leak();
    let entries: Vec<_> = iter::repeat_with(GrantEntry::default).take(grants).collect();
    let events = Events::by_upcalls(xen, shared, VCPU, TIMER);
    events.listen(BELL);
    let guest = CoreGuest {
        pool: Box::leak(Box::new(Pool::new(memory))),
        clock: Box::leak(Box::new(shared.clock())),
        events,
        grants: Grants::slice(entries.leak(), 1024),
        bell: BELL,
        first_bell: Port(1),
    };
    (xen, guest)
}

#[test]
fn a_wait_hears_the_device_and_the_bell_and_takes_both() {
    let (xen, guest) = guest(&[DEVICE, BELL], 8, 0);
    assert_eq!(guest.events.open(DomainId(0)), Ok(DEVICE));
    let later = Instant::from_millis(1);
    for left in [1, 0, 0] {
        guest.wait(Some(DEVICE), Some(later)).unwrap();
        assert_eq!(xen.plan.borrow().len(), left);
        assert!(![DEVICE, BELL].iter().any(|port| guest.events.is_pending(*port)));
    }
    assert_eq!(*xen.deadlines.borrow(), [1_000_000; 3]);
    // What is pending ends the wait at once.
    for port in [DEVICE, BELL] {
        xen.shared.raise(VCPU as usize, port);
        guest.wait(Some(DEVICE), Some(later)).unwrap();
        assert!(!guest.events.is_pending(port));
    }
    assert_eq!(xen.deadlines.borrow().len(), 3);
}

#[test]
fn a_core_without_a_device_hears_its_bell() {
    let (xen, guest) = guest(&[BELL], 8, 0);
    guest.wait(None, None).unwrap();
    assert!(xen.plan.borrow().is_empty() && !guest.events.is_pending(BELL));
    assert!(xen.deadlines.borrow().is_empty());
}

#[test]
fn a_deadline_that_has_passed_does_not_sleep_and_takes_the_events() {
    let (xen, guest) = guest(&[], 8, 0);
    for port in [DEVICE, BELL] {
        xen.shared.raise(VCPU as usize, port);
    }
    guest.wait(Some(DEVICE), Some(Instant::ZERO)).unwrap();
    assert!(![DEVICE, BELL].iter().any(|port| guest.events.is_pending(*port)));
    assert!(xen.deadlines.borrow().is_empty());
}

#[test]
fn a_core_has_a_queue_only_with_grants_and_memory() {
    for (pages, grants, expected) in
        [(MIN_PAGES + 64, 16, true), (MIN_PAGES + 64, 0, false), (MIN_PAGES / 2, 16, false)]
    {
        assert_eq!(guest(&[], pages, grants).1.may_have_queue(), expected, "{pages} {grants}");
    }
}
