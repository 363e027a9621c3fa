//! Services that have a name resolved, and the date of the servers.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, Network, Service};

use super::{
    chrony::{self, Chrony},
    clock::WrongClock,
    page::get,
};
use crate::{
    dnsmasq::{self, Dnsmasq},
    example::example,
    program::program,
};

const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

const HOUR: i64 = 3_600;

/// The example of `letregion`, a service that resolves names and has the time, with leases and IPv6.
pub(crate) fn names() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| example("names", "dhcp,dns,http,ipv6,ntp")).clone()
}

pub(crate) fn start<'lab>(lab: &'lab Lab, service: &Path, args: &[&str]) -> Service<'lab> {
    Service::start(lab, service, args, |_| ()).unwrap_or_else(|error| panic!("{error:#}"))
}

pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip can be called");
    assert!(status.success(), "ip {arguments}");
}

/// Waits until the date of a page is ahead by so many seconds, but for a few.
fn wait_for_date(address: Ipv4Addr, port: u16, path: &str, ahead: i64) {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let (_, date) = get(address, port, path);
        if date.is_some_and(|date| (date - ahead).abs() <= 3) {
            return;
        }
        assert!(Instant::now() < end, "the date is ahead by {date:?} seconds, expected {ahead}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The server's clock is an hour ahead, so it is seen that the service has its time.
pub(crate) fn a_date_is_that_of_the_server() {
    let web = program("web", &["ntp"]);
    lab::in_namespace(Network::default(), |lab| {
        let _server = WrongClock::start("10.0.0.1:123", Duration::from_secs(HOUR as u64));
        let service = start(lab, &web, &["--ntp=10.0.0.1"]);
        wait_for_date(GUEST, 8080, "/hello", HOUR);
        assert_eq!(get(GUEST, 8080, "/hello").0, "hello, world\n");
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        // Without the argument it is the system's.
        let service = start(lab, &web, &[]);
        thread::sleep(Duration::from_secs(3));
        wait_for_date(GUEST, 8080, "/hello", 0);
        service.stop().expect("it ends");
        let refused = lab.client(&web).arg("--ntp=pool").output().expect("it can be started");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(
            refused.status.code() == Some(2) && said.contains("--ntp=pool: expected"),
            "{said}"
        );
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

pub(crate) fn a_name_is_resolved_and_a_date_is_right() {
    let (names, _, _) = (names(), dnsmasq::fetch(), chrony::fetch());
    lab::in_namespace(Network::default(), |lab| {
        let options = ["--host-record=www.test,192.0.2.7", "--cname=alias.test,www.test"];
        let _dnsmasq = Dnsmasq::with_names(lab, &dnsmasq::fetch(), 53, &options);
        let mut chrony = Chrony::start(lab, &chrony::fetch());
        let service = start(lab, &names, &["--dns=10.0.0.1", "--ntp=10.0.0.1"]);
        let resolve = |name: &str| get(GUEST, 80, &format!("/?name={name}"));
        assert_eq!(resolve("www.test").0, "192.0.2.7\n");
        assert_eq!(resolve("alias.test").0, "192.0.2.7\n");
        assert_eq!(resolve("192.0.2.9").0, "192.0.2.9\n");
        let (error, _) = resolve("bad..test");
        assert_eq!(error, "nothing stands before a dot of the name\n");
        let end = Instant::now() + Duration::from_secs(30);
        while chrony.questions() < 2 {
            assert!(Instant::now() < end, "the service does not ask for the time");
            thread::sleep(Duration::from_millis(100));
        }
        wait_for_date(GUEST, 80, "/?name=www.test", 0);
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// The lease names a server of the time that is not there, and later, while the service runs, one that is an hour ahead.
pub(crate) fn servers_of_a_lease_are_asked_also_when_they_change() {
    let (names, _) = (names(), dnsmasq::fetch());
    lab::in_namespace(Network::default(), |lab| {
        ip("address add 10.0.0.3/32 dev lo");
        let _server = WrongClock::start("10.0.0.3:123", Duration::from_secs(HOUR as u64));
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("options");
        let name = |server: &str| {
            let text = format!("option:ntp-server,{server}\noption:dns-server,10.0.0.1\n");
            fs::write(&file, text).expect("it can be written");
        };
        name("10.0.0.77");
        let options_file = format!("--dhcp-optsfile={}", file.display());
        let options = [
            "--host-record=www.test,192.0.2.7",
            "--dhcp-option=option:T1,5",
            "--dhcp-option=option:T2,100",
            &options_file,
        ];
        let dnsmasq = Dnsmasq::with_names(lab, &dnsmasq::fetch(), 53, &options);
        let service = start(lab, &names, &["--ipv4=dhcp"]);
        let address = dnsmasq.granted(1, Duration::from_secs(5));
        let (body, date) = get(address, 80, "/?name=www.test");
        assert!(body == "192.0.2.7\n" && date.is_some_and(|date| date.abs() <= 3), "{body}");
        name("10.0.0.3");
        dnsmasq.reload();
        wait_for_date(address, 80, "/?name=www.test", HOUR);
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}
