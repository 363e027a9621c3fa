//! The wait of a core by interrupts, against a Xen that does with the shared page what Xen does.

use std::{
    boxed::Box,
    cell::RefCell,
    hint,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    vec::Vec,
};

use super::*;

const VCPU: u32 = 2;
/// Channels of one word, and one of another word.
const TIMER: Port = Port(3);
const BELL: Port = Port(4);
const DEVICE: Port = Port(5);
const FAR: Port = Port(70);

/// What Xen was asked.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    Bind(u32, u32),
    Close(u32),
    Timer(u32, u64),
    Stop,
}

/// What happens when the core sets its timer, and when it stops.
type Happening = Box<dyn FnMut(&SharedInfo)>;

struct FakeXen<'s> {
    shared: &'s SharedInfo,
    calls: RefCell<Vec<Call>>,
    at_timer: RefCell<Happening>,
    at_stop: RefCell<Happening>,
}

impl<'s> FakeXen<'s> {
    fn new(shared: &'s SharedInfo) -> Self {
        shared.mask_all();
        let [at_timer, at_stop] =
            [(); 2].map(|()| RefCell::new(Box::new(|_: &SharedInfo| ()) as Happening));
        Self { shared, calls: RefCell::default(), at_timer, at_stop }
    }

    fn at_timer(&self, happening: Happening) {
        *self.at_timer.borrow_mut() = happening;
    }

    fn at_stop(&self, happening: Happening) {
        *self.at_stop.borrow_mut() = happening;
    }

    fn log(&self, call: Call) {
        self.calls.borrow_mut().push(call);
    }

    /// What it was asked since the last look.
    fn asked(&self) -> Vec<Call> {
        self.calls.take()
    }
}

impl EventCalls for &FakeXen<'_> {
    fn alloc_unbound(&self, remote: DomainId) -> Result<Port, Errno> {
        Ok(Port(remote.0.into()))
    }

    fn close(&self, port: Port) -> Result<(), Errno> {
        self.log(Call::Close(port.0));
        Ok(())
    }

    fn send(&self, _port: Port) -> Result<(), Errno> {
        Ok(())
    }

    fn poll(&self, _ports: &[u32], _timeout: u64) -> Result<(), Errno> {
        panic!("a core that is interrupted does not poll");
    }

    fn bind_vcpu(&self, port: Port, vcpu: u32) -> Result<(), Errno> {
        self.log(Call::Bind(port.0, vcpu));
        if port.0 == 99 { Err(Errno::EINVAL) } else { Ok(()) }
    }

    fn set_timer(&self, vcpu: u32, deadline: u64) -> Result<(), Errno> {
        self.log(Call::Timer(vcpu, deadline));
        self.at_timer.borrow_mut()(self.shared);
        Ok(())
    }

    /// Nobody waits for long: what happens comes at once, and has to end the stop.
    fn wait_for_upcall(&self) {
        self.log(Call::Stop);
        if !self.shared.has_upcall(VCPU as usize) {
            self.at_stop.borrow_mut()(self.shared);
        }
        assert!(self.shared.has_upcall(VCPU as usize), "it sleeps for ever");
    }
}

fn raise(port: Port) -> Happening {
    Box::new(move |shared| shared.raise(VCPU as usize, port))
}

/// A core that listens to its bell and to its device.
fn core<'x, 's>(xen: &'x FakeXen<'s>) -> Events<'s, &'x FakeXen<'s>> {
    let events = Events::by_upcalls(xen, xen.shared, VCPU, TIMER);
    for port in [BELL, DEVICE, FAR] {
        events.listen(port);
    }
    events
}

const PORTS: [Option<Port>; 3] = [Some(DEVICE), Some(BELL), None];

#[test]
fn what_is_pending_ends_the_wait_before_it_begins() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    for port in [BELL, DEVICE] {
        shared.raise(2, port);
        events.wait(&PORTS, None).unwrap();
        // It stays pending, for the caller.
        events.wait(&PORTS, Some(Instant::ZERO)).unwrap();
        assert!(xen.asked().is_empty() && events.take(port));
    }
}

#[test]
fn an_event_between_the_clearing_and_the_look_is_seen() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    shared.raise(2, FAR);
    shared.clear_upcall(VCPU);
    shared.raise(2, DEVICE);
    let upcall = events.upcall.unwrap();
    events.look_and_stop(upcall, &PORTS, None).unwrap();
    assert!(xen.asked().is_empty() && events.take(DEVICE));
}

#[test]
fn an_event_between_the_look_and_the_stop_ends_it_at_once() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    let end = Some(Instant::from_millis(5));
    xen.at_timer(raise(DEVICE));
    events.wait(&PORTS, end).unwrap();
    assert!(events.take(DEVICE));
    // Once more: neither the upcall of the event before nor the bit of its word keeps the next one out.
    events.wait(&PORTS, end).unwrap();
    assert!(events.take(DEVICE));
    let one = [Call::Timer(2, 5_000_000), Call::Stop];
    assert_eq!(
        xen.asked(),
        one.into_iter().chain([Call::Timer(2, 5_000_000), Call::Stop]).collect::<Vec<_>>()
    );
}

#[test]
fn an_event_during_the_stop_ends_it_whatever_was_left_behind() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    // Words with events that nobody takes, and upcalls that nobody has cleared.
    shared.raise(2, FAR);
    for port in [DEVICE, BELL, DEVICE, DEVICE] {
        xen.at_stop(raise(port));
        events.wait(&PORTS, None).unwrap();
        assert_eq!(xen.asked(), [Call::Stop]);
        assert!(events.take(port) && events.is_pending(FAR));
    }
}

#[test]
fn the_deadline_is_in_nanoseconds_and_its_event_comes_each_time() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    xen.at_stop(raise(TIMER));
    for nanos in [0, 1, 77, i64::MAX as u64] {
        events.wait(&PORTS, Some(Instant::from_nanos(nanos))).unwrap();
        assert_eq!(xen.asked(), [Call::Timer(2, nanos.max(1)), Call::Stop]);
    }
    // One that Xen cannot represent is none.
    events.wait(&PORTS, Some(Instant::from_nanos(u64::MAX))).unwrap();
    assert_eq!(xen.asked(), [Call::Stop]);
}

/// A timer that was set for an earlier wait runs out while the next timer is set.
#[test]
fn an_old_timer_ends_a_wait_too_early_and_no_more() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    // While the core works, and once more before it stops.
    shared.raise(2, TIMER);
    xen.at_timer(raise(TIMER));
    events.wait(&PORTS, Some(Instant::from_nanos(9))).unwrap();
    xen.at_timer(Box::new(|_| ()));
    xen.at_stop(raise(TIMER));
    events.wait(&PORTS, Some(Instant::from_nanos(9))).unwrap();
    assert_eq!(xen.asked().len(), 4);
}

#[test]
fn an_event_for_another_core_ends_no_wait() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    let other = Port(6);
    Events::by_upcalls(&xen, &shared, 1, Port(7)).listen(other);
    xen.at_stop(Box::new(move |shared| {
        shared.raise(1, other);
        assert!(!shared.has_upcall(2) && shared.has_upcall(1));
        shared.raise(2, DEVICE);
    }));
    events.wait(&PORTS, None).unwrap();
}

#[test]
fn a_new_channel_is_bound_to_the_core_and_heard_until_it_is_closed() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = core(&xen);
    // What an earlier channel has left.
    shared.raise(2, Port(40));
    assert_eq!(events.open(DomainId(40)), Ok(Port(40)));
    assert!(!events.is_pending(Port(40)));
    shared.clear_upcall(VCPU);
    shared.raise(2, Port(40));
    assert!(shared.has_upcall(2));
    events.close(Port(40));
    shared.clear_upcall(VCPU);
    shared.raise(2, Port(40));
    assert!(!shared.has_upcall(2), "it is masked");
    shared.clear_upcall(VCPU);
    assert_eq!(events.open_for(DomainId(41), 3), Ok(Port(41)));
    shared.raise(3, Port(41));
    assert!(shared.has_upcall(3) && !shared.has_upcall(2));
    assert_eq!(events.open(DomainId(99)), Err(Errno::EINVAL));
    shared.clear_upcall(VCPU);
    shared.raise(2, Port(99));
    assert!(!shared.has_upcall(2));
    let of_99 = [Call::Bind(99, 2), Call::Close(99)];
    let asked = [Call::Bind(40, 2), Call::Close(40), Call::Bind(41, 3)].into_iter().chain(of_99);
    assert_eq!(xen.asked(), asked.collect::<Vec<_>>());
}

#[test]
fn channels_are_the_first_cores_without_a_call() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = Events::by_upcalls(&xen, &shared, 0, TIMER);
    assert_eq!(events.open(DomainId(40)), Ok(Port(40)));
    assert!(xen.asked().is_empty());
    shared.raise(0, Port(40));
    assert!(shared.has_upcall(0));
}

#[test]
fn a_core_that_polls_leaves_all_channels_masked() {
    let shared = SharedInfo::zeroed();
    let xen = FakeXen::new(&shared);
    let events = Events::new(&xen, &shared);
    events.listen(BELL);
    assert_eq!(events.open(DomainId(5)), Ok(DEVICE));
    for port in [BELL, DEVICE] {
        shared.raise(0, port);
    }
    assert!(!shared.has_upcall(0) && xen.asked().is_empty());
}

/// A Xen on another thread: the core stops until its upcall is set.
struct Elsewhere<'s>(&'s SharedInfo);

impl EventCalls for &Elsewhere<'_> {
    fn alloc_unbound(&self, _: DomainId) -> Result<Port, Errno> {
        Err(Errno::ENOSPC)
    }

    fn close(&self, _: Port) -> Result<(), Errno> {
        Ok(())
    }

    fn send(&self, _: Port) -> Result<(), Errno> {
        Ok(())
    }

    fn poll(&self, _: &[u32], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn bind_vcpu(&self, _: Port, _: u32) -> Result<(), Errno> {
        Ok(())
    }

    fn set_timer(&self, _: u32, _: u64) -> Result<(), Errno> {
        Ok(())
    }

    fn wait_for_upcall(&self) {
        until(|| self.0.has_upcall(VCPU as usize));
    }
}

/// Both threads end if an event is lost.
fn until(is_so: impl Fn() -> bool) {
    let mut turns = 0;
    while !is_so() {
        turns += 1;
        assert!(turns < 10_000_000, "an event is lost");
        thread::yield_now();
    }
}

/// Events come from another thread at any moment: one is sent when the one before was taken, so that a lost one ends everything.
#[test]
fn no_event_is_lost_between_two_threads() {
    const ROUNDS: u32 = if cfg!(miri) { 30 } else { 50_000 };
    /// In the word of the others; nobody waits for it.
    const NEAR: Port = Port(6);
    let shared = SharedInfo::zeroed();
    shared.mask_all();
    let taken = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                shared.raise(2, [NEAR, FAR][round as usize / 2 % 2]);
                for _ in 0..round % 256 {
                    hint::spin_loop();
                }
                shared.raise(2, [DEVICE, BELL][round as usize % 2]);
                until(|| taken.load(Ordering::Relaxed) > round);
            }
        });
        let xen = Elsewhere(&shared);
        let events = Events::by_upcalls(&xen, &shared, VCPU, TIMER);
        for port in [BELL, DEVICE, NEAR, FAR] {
            events.listen(port);
        }
        while taken.load(Ordering::Relaxed) < ROUNDS {
            events.wait(&PORTS, None).unwrap();
            for port in [NEAR, FAR] {
                events.take(port);
            }
            let new = [DEVICE, BELL].into_iter().filter(|port| events.take(*port)).count();
            taken.fetch_add(new as u32, Ordering::Relaxed);
        }
    });
}
