//! What is a matter of the layers.

use core::{convert::Infallible, fmt, time::Duration};

use layer::{Counter, Instant, Layer, Rx};
use rt_regions::{Pool, Region};

use super::*;
use crate::{Runtime, TaskStore, Wake};

/// A platform of which nothing is used but this.
struct Platform {
    has_log: bool,
    lines: Vec<String>,
    tasks: TaskStore,
}

impl Runtime for Platform {
    type Event = ();
    type Recorder = Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn wall_time(&self) -> Option<Duration> {
        None
    }

    fn task_store(&self) -> &TaskStore {
        &self.tasks
    }

    fn wait(&mut self, (): &(), _: Option<Instant>) -> Result<Wake, Error> {
        Ok(Wake::Stop)
    }

    fn pending_request(&mut self) -> Wake {
        Wake::Continue
    }

    fn entropy(&mut self, _: &mut [u8]) -> Result<(), Error> {
        unreachable!()
    }

    fn args(&self) -> impl Iterator<Item = &'static str> {
        [].into_iter()
    }

    fn has_log(&self) -> bool {
        self.has_log
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        self.lines.push(std::format!("{line}"));
    }

    fn memory(&self) -> &'static Region<'static> {
        unreachable!()
    }

    fn pool(&self) -> &'static Pool<'static> {
        let memory = std::vec![core::mem::MaybeUninit::uninit(); 64 << 10];
        std::boxed::Box::leak(std::boxed::Box::new(Pool::new(memory.leak())))
    }
}

/// Takes out what it is to take.
struct Tower {
    take: fn(&mut Setup<'_>),
}

impl Layer for Tower {
    type Error = Infallible;
    type Event = ();
    type Item<'r> = ();

    fn event(&self) {}

    fn receive(&mut self, _: Instant, _: &Region<'_>) -> Result<Rx<()>, Infallible> {
        Ok(Rx::Idle)
    }

    fn unclaimed(&mut self, _: Instant, (): ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, _: &mut dyn FnMut(Counter)) {}

    fn configure(&mut self, setup: &mut Setup<'_>) {
        (self.take)(setup);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" at home")
    }
}

/// Serves with these arguments a tower that does this with them: what it said until it was told to stop.
pub(super) fn serve(
    args: &[&'static str],
    has_log: bool,
    take: fn(&mut Setup<'_>),
) -> Result<Vec<String>, Error> {
    let mut platform = Platform { has_log, lines: Vec::new(), tasks: TaskStore::new() };
    platform.serve(Tower { take }, &read(args)?)?;
    Ok(platform.lines)
}

#[test]
fn what_no_layer_takes_ends_the_program() {
    for argument in
        ["--ipv4-gateway=10.0.0.1", "--probe", "--clients=10.0.0.0/8", "--stats-port=9100"]
    {
        let error = serve(&[argument], true, |_| ()).unwrap_err();
        let name = match argument {
            "--stats-port=9100" => argument,
            _ => argument.split('=').next().unwrap(),
        };
        let words = std::format!("{name}: no layer of this program can do that");
        assert_eq!((error.status(), error.message()), (2, &*words));
    }
    assert!(serve(&[], true, |_| ()).is_ok());
}

#[cfg(feature = "page")]
#[test]
fn a_program_without_the_page_refuses_its_port_and_one_that_has_it_knows_who_may_see_it() {
    let error = serve(&["--page-port=9090"], true, |_| ()).unwrap_err();
    let words = "--page-port: no layer of this program can do that";
    assert_eq!((error.status(), error.message()), (2, words));
    let take = |setup: &mut Setup<'_>| {
        assert_eq!(setup.page_port.take(), Some(9090));
        let from = |address| setup.page_from.contains(core::net::IpAddr::from(address));
        assert!(from([192, 0, 2, 7]) && from([10, 0, 0, 9]) && !from([10, 0, 1, 9]));
    };
    serve(&["--page-port=9090", "--page-from=192.0.2.0/24"], false, take).unwrap();
}

#[test]
fn a_layer_says_why_it_leaves_the_counters_in() {
    let take = |setup: &mut Setup<'_>| setup.refuse("a service is bound to it");
    let error = serve(&["--stats-port=8080"], true, take).unwrap_err();
    let words = "--stats-port=8080: a service is bound to it";
    assert_eq!((error.status(), error.message()), (2, words));
}

#[test]
fn all_that_is_asked_for_is_given_and_then_it_says_where_it_serves() {
    let take = |setup: &mut Setup<'_>| {
        if setup.log.is_some() {
            setup.turn_on("arp", &mut false);
            assert!(!setup.probe_at_start);
            return;
        }
        assert_eq!(setup.gateway.take(), Some([10, 0, 0, 1].into()));
        assert!(core::mem::take(&mut setup.probe_at_start));
        assert_eq!(setup.clients.take(), "10.0.0.0/8".parse().ok());
        assert_eq!(setup.counters_port.take(), Some(9100));
        // Our own network may always ask.
        let from = |address| setup.counters_from.contains(core::net::IpAddr::from(address));
        assert!(from([192, 0, 2, 7]) && from([10, 0, 0, 9]) && !from([10, 0, 1, 9]));
    };
    let args = [
        "--ipv4-gateway=10.0.0.1",
        "--probe",
        "--clients=10.0.0.0/8",
        "--stats-port=9100",
        "--stats-from=192.0.2.0/24",
        "--log=arp,all,,",
    ];
    let lines = serve(&args, true, take).unwrap();
    assert_eq!(lines[0], "serving at home");
}

#[test]
fn a_log_that_is_not_there_is_refused() {
    let take = |setup: &mut Setup<'_>| {
        setup.turn_on("arp", &mut false);
    };
    let error = serve(&["--log=arp,tcp"], true, take).unwrap_err();
    let words = "--log=arp,tcp: there is no layer tcp";
    assert_eq!((error.status(), error.message()), (2, words));
    let error = serve(&["--log=arp"], false, take).unwrap_err();
    let words = "--log=arp: built without its log, which the feature `log` adds";
    assert_eq!((error.status(), error.message()), (2, words));
    assert!(serve(&["--log="], false, take).is_ok());
}
