//! What the tests share.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lab::xen::{Ask, Domain, Ended, Machine, Settings, plain};

/// Where the guests are.
pub(crate) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// The port of most services.
pub(crate) const PORT: u16 = 8080;
/// How long a guest may take until it serves: everything is emulated.
pub(crate) const SERVING_WITHIN: Duration = Duration::from_secs(60);
/// How long a reply may take, on a busy machine too.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

static MACHINE: Mutex<Option<Arc<Machine>>> = Mutex::new(None);

/// The machine that the tests share.
pub(crate) fn machine() -> Arc<Machine> {
    let mut machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(machine.get_or_insert_with(|| Arc::new(boot())))
}

/// A machine of one's own.
pub(crate) fn boot() -> Machine {
    Machine::boot(|progress| eprintln!("{progress}")).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Ends the machine that the tests share.
pub(crate) fn end() {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// A guest that serves.
pub(crate) fn serving<'m>(machine: &'m Machine, settings: &Settings<'_>) -> Domain<'m> {
    let domain = Domain::create(machine, settings, plain(), |_| ())
        .unwrap_or_else(|error| panic!("{}: {error:#}", settings.name));
    wait_until_serving(&domain, 0);
    domain
}

/// Calls `test` with a guest that serves, and ends it as an operator would: it has to end by itself, and nothing of it may be left.
pub(crate) fn with_guest(settings: &Settings<'_>, test: impl FnOnce(&Machine, &Domain<'_>)) {
    let (machine, name) = (machine(), settings.name);
    let domain = serving(&machine, settings);
    test(&machine, &domain);
    let ended = domain.shutdown().unwrap_or_else(|error| panic!("{name}: {error:#}"));
    assert_eq!(ended, Ended::Poweroff, "{name}");
    assert_eq!(machine.leftovers().unwrap(), [""; 0], "{name}");
}

/// Waits until the guest serves, from line number `from` of its console on.
pub(crate) fn wait_until_serving(domain: &Domain<'_>, from: usize) {
    domain
        .wait_for_line(from, SERVING_WITHIN, lab::is_serving)
        .unwrap_or_else(|error| panic!("{}: {error:#}", domain.name()));
}

/// Asks a guest's port this often, `window` requests at a time.
pub(crate) fn requests(port: u16, times: u32, window: u32) -> Ask {
    requests_to((GUEST, port).into(), times, window)
}

/// Asks this port this often, `window` requests at a time.
pub(crate) fn requests_to(to: SocketAddr, times: u32, window: u32) -> Ask {
    Ask { to, times, window, limit: REPLY_TIMEOUT, expected: false, length: 0, is_numbered: false }
}
