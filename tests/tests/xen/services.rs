//! Our services as guests of 2 MiB: what they answer, and what they leave behind.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lab::{
    cargo::{self, Build, Platform, Profile},
    image,
    xen::{Ask, Domain, Machine, Settings, Vif},
};
use serde_json::Value;
use testkit::Random;
use tests::{Exchange, Reply, apps, exchanges};

use super::support::{PORT, SERVING_WITHIN, machine, requests, wait_until_serving, with_guest};
use crate::typed::letregion;

/// The memory of a guest in MiB.
const MEMORY: u32 = 2;

/// The image of a service.
fn image(app: &str) -> &'static Path {
    static IMAGES: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    let images = IMAGES.get_or_init(|| cargo::build_xen(&apps(), &[]).expect("the services build"));
    &images[app]
}

/// Calls `test` with a guest that runs this service.
fn with_service(app: &str, test: impl FnOnce(&Machine, &Domain<'_>)) {
    let image = fs::read(image(app)).expect("the image can be read");
    with_image(app, &image, test);
}

/// Calls `test` with a guest that runs this image of the service.
fn with_image(app: &str, image: &[u8], test: impl FnOnce(&Machine, &Domain<'_>)) {
    with_lines(app, image, "", test);
}

/// Calls `test` with a guest that runs this image and has further lines in its domain file.
fn with_lines(app: &str, image: &[u8], more: &str, test: impl FnOnce(&Machine, &Domain<'_>)) {
    let settings = Settings {
        name: app,
        kernel: image,
        ramdisk: None,
        command_line: "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 --stats-port=9100",
        memory: MEMORY,
        vif: Some(Vif::default()),
        restart: true,
        more,
    };
    with_guest(&settings, test);
}

/// Asks once and returns the reply.
fn ask(machine: &Machine, port: u16, request: &[u8]) -> Vec<u8> {
    let (asked, reply) = machine.ask(&requests(port, 1, 1), request, None).expect("dom0 asks");
    assert_eq!(asked.equal, 1, "port {port}: {asked:?}");
    reply
}

/// The value of a counter, asked for over the network.
fn counter(machine: &Machine, name: &str) -> u64 {
    let text = String::from_utf8(ask(machine, 9100, name.as_bytes())).expect("it is text");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no counter {name} in {text:?}"))
}

pub(crate) fn the_table_of_requests() {
    let table = exchanges();
    for app in apps() {
        with_service(app, |machine, domain| {
            let start = Instant::now();
            for exchange in table.iter().filter(|exchange| exchange.app == app) {
                answered(machine, exchange);
            }
            let lines = domain.console().lines();
            let memory = lines.iter().find(|line| line.starts_with("memory "));
            println!("{app}: {} in {:.1?}", memory.expect("it says its memory"), start.elapsed());
            let left = String::from_utf8(ask(machine, 9100, b"pool")).expect("it is text");
            println!("{app}: {}", left.trim());
        });
    }
}

/// Stripped and packed with gzip: as small as an image gets.
pub(crate) fn a_packed_image_serves() {
    let stripped = image::stripped(image("echo")).expect("the image can be stripped");
    let packed = image::packed(&stripped).expect("it can be packed");
    assert!(packed.len() < stripped.len() / 3 * 2, "{} of {}", packed.len(), stripped.len());
    with_image("echo", &packed, |machine, _| {
        assert_eq!(ask(machine, PORT, b"packed"), b"packed");
    });
}

/// The image that is a guest of KVM too finds out that it is one of Xen.
pub(crate) fn one_image_for_both_serves() {
    let build = Build::new(Platform::Guest, Profile::Guest);
    let images = cargo::build_each(&["echo"], &build).expect("echo builds for both");
    let image = fs::read(&images["echo"]).expect("the image can be read");
    with_image("echo", &image, |machine, domain| {
        assert_eq!(ask(machine, PORT, b"for both"), b"for both");
        let lines = domain.console().lines();
        assert!(!lines.iter().any(|line| line.starts_with("host ")), "{lines:?}");
    });
}

/// Asks as often as the table says.
fn answered(machine: &Machine, exchange: &Exchange) {
    let Exchange { app, port, request, reply, times } = exchange;
    match reply {
        Reply::Bytes(bytes) => {
            let many = requests(*port, u32::try_from(*times).expect("a few"), 1);
            let (asked, last) = machine.ask(&many, request, Some(bytes)).expect("dom0 asks");
            let equal = asked.equal as usize == *times && last == *bytes;
            assert!(equal, "{app}, port {port}, {} bytes: {asked:?}", request.len());
        }
        Reply::Refusal => {
            let came = ask(machine, *port, request);
            let text = String::from_utf8_lossy(&came);
            assert!(reply.is(&came), "{app}, port {port}: {request:?} was answered with {text:?}");
        }
    }
}

/// Small entries, all of which have to be there in the end.
pub(crate) fn five_thousand_entries_are_kept() {
    const ENTRIES: u32 = 5000;
    with_service("kv", |machine, domain| {
        let start = Instant::now();
        let rounds = [("set key-{n} value-{n}", "stored"), ("get key-{n}", "value value-{n}")];
        for (request, reply) in rounds {
            let many = Ask { is_numbered: true, ..requests(PORT, ENTRIES, 1) };
            let asked = machine.ask(&many, request.as_bytes(), Some(reply.as_bytes()));
            let (asked, last) = asked.expect("dom0 asks");
            let last = String::from_utf8_lossy(&last);
            assert_eq!(asked.equal, ENTRIES, "{request}: {last:?}, {asked:?}");
        }
        assert_eq!(counter(machine, "eth0.kv.entries"), u64::from(ENTRIES));
        assert_eq!(counter(machine, "eth0.kv.evicted"), 0);
        let lines = domain.console().lines();
        let memory = lines.iter().find(|line| line.starts_with("memory "));
        println!("{} in {:.1?}", memory.expect("it says its memory"), start.elapsed());
        let pages = ask(machine, 9100, b"region kv.entries");
        println!("{}", String::from_utf8_lossy(&pages).trim());
        println!("{}", String::from_utf8_lossy(&ask(machine, 9100, b"pool")).trim());
    });
}

/// What people call `xl create` with.
pub(crate) fn domain_files_are_what_xl_reads() {
    let machine = machine();
    for app in apps() {
        let file = fs::read_to_string(cargo::root().join("apps").join(app).join("xen.cfg"))
            .unwrap_or_else(|error| panic!("{app}: {error}"));
        for words in [&*format!("name = \"{app}\""), &format!("target/guest/{app}\""), "= \"pvh\""]
        {
            assert!(file.contains(words), "{app}: no {words} in:\n{file}");
        }
        machine.write("/domain", file).expect("it goes over");
        // As far as to the building of the domain, which takes the image.
        let said = machine.succeed("xl", &["-vN", "create", "/domain"]).expect("xl reads it");
        assert!(said.contains(app), "{app}: {said}");
    }
}

/// With a path and an argument that stand in different quotes there.
pub(crate) fn what_image_writes_is_what_xl_reads() {
    let folder = tempfile::tempdir().expect("there is room");
    let output = folder.path().to_str().expect("a path in UTF-8");
    let typed =
        ["image", "echo", "--to", "xl", "--output", output, "--image-dir", "/srv/it's 1 \\"];
    let args = ["--", "--mac=02:00:0a:00:00:02", "--greeting=good #day \\1", "--ipv4=10.0.0.7/24"];
    let written = letregion(&[&typed[..], &args].concat(), "");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let file = fs::read(folder.path().join("echo.cfg")).expect("it was written");
    let machine = machine();
    machine.write("/domain", file).expect("it goes over");
    let said = machine.succeed("xl", &["-vN", "create", "/domain"]).expect("xl reads it");
    let begin = said.find('{').unwrap_or_else(|| panic!("no JSON: {said}"));
    let end = said.rfind('}').unwrap_or_else(|| panic!("no JSON: {said}"));
    let read: Value = serde_json::from_str(&said[begin..=end]).expect("xl writes JSON");
    let (create, build) = (&read["c_info"], &read["b_info"]);
    assert_eq!((&create["name"], &create["type"]), (&"echo".into(), &"pvh".into()), "{said}");
    assert_eq!(build["kernel"], "/srv/it's 1 \\/echo-xen", "{said}");
    let line = "--mac=02:00:0a:00:00:02 \"--greeting=good #day \\1\" --ipv4=10.0.0.7/24";
    assert_eq!(build["cmdline"], line, "{said}");
    assert_eq!(build["max_memkb"], 2048, "{said}");
    let nic = &read["nics"][0];
    assert_eq!((&nic["mac"], &nic["bridge"]), (&"02:00:0a:00:00:02".into(), &"xenbr0".into()));
}

pub(crate) fn peers_find_it_and_it_sleeps() {
    with_service("echo", |machine, domain| {
        let ping = |args: &[&str]| {
            let ping =
                machine.succeed("ping", &[args, &["10.0.0.2"]].concat()).expect("it answers");
            assert!(ping.contains(" 0% packet loss"), "{ping}");
        };
        ping(&["-c", "3", "-i", "0.2", "-W", "5"]);
        ping(&["-c", "2", "-i", "0.2", "-W", "5", "-s", "30000"]);
        let args = ["-c", "2", "-w", "20", "-I", "xenbr0", "10.0.0.2"];
        let arping = machine.succeed("arping", &args).expect("it answers");
        assert!(arping.contains("[00:16:3e:00:00:01]"), "{arping}");

        let started = domain
            .wait_for_line(0, Duration::from_secs(5), |line| line.starts_with("started in "))
            .expect("it says how long it took");
        println!("{started}");

        let before = seconds(machine);
        thread::sleep(Duration::from_secs(10));
        let slept = seconds(machine) - before;
        println!("processor time of 10 idle seconds: {slept:.1} s");
        // xl counts tenths; dom0 sends something of its own now and then.
        assert!(slept < 0.5, "an idle guest took {slept} s of 10");
    });
}

/// Asked by `xl trigger` while it waits in Xen.
pub(crate) fn says_where_it_sleeps() {
    with_service("echo", |machine, domain| {
        let from = domain.console().lines().len();
        machine.succeed("xl", &["trigger", "echo", "nmi"]).expect("xl triggers it");
        let limit = Duration::from_secs(10);
        for words in ["exception 2: non-maskable interrupt", "rip 000", "stack "] {
            domain
                .wait_for_line(from, limit, |line| line.starts_with(words))
                .unwrap_or_else(|error| panic!("{error:#}"));
        }
        assert_eq!(ask(machine, PORT, b"awake"), b"awake");
    });
}

/// Xen lends a domain pages as they are touched, up to its memory, and ends one that touches more.
pub(crate) fn memory_that_is_not_there_is_not_used() {
    let image = fs::read(image("echo")).expect("the image can be read");
    with_lines("echo", &image, "maxmem=64", |machine, domain| {
        let line = domain
            .wait_for_line(0, SERVING_WITHIN, |line| line.starts_with("memory "))
            .expect("it says what it has");
        println!("{line}");
        assert!(line.contains(" of 65536 KiB: "), "{line}");
        thread::scope(|scope| {
            for sender in 0..4 {
                scope.spawn(move || {
                    let request = Random::new(sender).bytes(60_000);
                    let limit = Duration::from_millis(500);
                    let load = Ask { limit, ..requests(PORT, 40, 4) };
                    // What finds no room is lost.
                    let (asked, _) =
                        machine.ask(&load, &request, Some(&request)).expect("dom0 asks");
                    assert_eq!(asked.different, 0, "{asked:?}");
                    println!("{asked:?}");
                });
            }
        });
        assert_eq!(ask(machine, PORT, b"alive"), b"alive");
    });
}

/// The processor time of the guest, as `xl list` has it: name, number, memory, processors, state, time.
fn seconds(machine: &Machine) -> f64 {
    let list = machine.succeed("xl", &["list", "echo"]).expect("xl lists it");
    let time = list.lines().last().and_then(|line| line.split_whitespace().last());
    time.and_then(|time| time.parse().ok()).unwrap_or_else(|| panic!("no time in {list}"))
}

pub(crate) fn many_requests_at_once() {
    with_service("echo", |machine, _| {
        for (times, window, length) in
            [(200, 1, 64), (200, 1, 1472), (50, 1, 8192), (1280, 64, 64), (128, 8, 8192)]
        {
            let request = Random::new(u64::from(times)).bytes(length);
            let many = requests(PORT, times, window);
            let (asked, _) = machine.ask(&many, &request, Some(&request)).expect("dom0 asks");
            assert_eq!(asked.equal, times, "{window} x {length} bytes: {asked:?}");
            let rate = f64::from(times) / asked.elapsed.as_secs_f64();
            println!("{length} bytes, {window} at a time: {rate:.0} a second");
        }
        assert_eq!(counter(machine, "eth0.netfront.backend_violations"), 0);
        assert_eq!(counter(machine, "eth0.udp.bad_checksum"), 0);
    });
}

pub(crate) fn twenty_starts_leave_nothing_behind() {
    with_service("echo", |machine, domain| {
        for start in 1..=20 {
            let from = domain.console().lines().len();
            domain.reboot().unwrap_or_else(|error| panic!("start {start}: {error:#}"));
            wait_until_serving(domain, from);
            assert_eq!(ask(machine, PORT, b"again"), b"again");
        }
        // One domain, with what one has.
        let there = machine.leftovers().expect("dom0 looks");
        assert_eq!(
            there.iter().filter(|thing| thing.starts_with("a domain")).count(),
            1,
            "{there:#?}"
        );
    });
}

pub(crate) fn its_network_goes_and_comes_under_load() {
    with_service("echo", |machine, domain| {
        let id = domain.id().expect("xl knows it");
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let limit = Duration::from_millis(500);
                let load = Ask { limit, ..requests(PORT, 100, 8) };
                while !is_over.load(Ordering::Relaxed) {
                    // What is lost while there is no network is lost.
                    let (asked, _) = machine.ask(&load, b"load", Some(b"load")).expect("dom0 asks");
                    assert_eq!(asked.different, 0, "{asked:?}");
                }
            });
            for round in 1..=5 {
                thread::sleep(Duration::from_millis(300));
                domain.detach_network().unwrap_or_else(|error| panic!("{round}: {error:#}"));
                thread::sleep(Duration::from_millis(300));
                domain.attach_network(&Vif::default()).unwrap_or_else(|e| panic!("{round}: {e:#}"));
                let deadline = Instant::now() + Duration::from_secs(30);
                let brief = Ask { limit: Duration::from_secs(1), ..requests(PORT, 1, 1) };
                while machine.ask(&brief, b"back", None).expect("dom0 asks").1 != b"back" {
                    assert!(Instant::now() < deadline, "round {round}: its network is not back");
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(domain.id().expect("xl knows it"), id, "it was started again");
        assert_eq!(counter(machine, "eth0.netfront.connections"), 6);
        assert_eq!(counter(machine, "eth0.netfront.backend_violations"), 0);
        assert_eq!(counter(machine, "eth0.netfront.pages_left_out"), 0);
    });
}
