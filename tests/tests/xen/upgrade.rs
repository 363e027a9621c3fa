//! A new image in place of a running one, as docs/xen-host.md says, and back.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::{
    cargo,
    xen::{Ask, Machine},
};

use super::support::{PORT, machine, requests};

/// How long a request waits for its reply while the service is replaced.
const LIMIT: Duration = Duration::from_millis(50);
/// The longest that it may be away, on a machine that emulates the processor and is busy.
const LONGEST_GAP: Duration = Duration::from_secs(30);

/// The steps of an upgrade from one domain to another.
type Order = fn(from: u8, to: u8) -> String;

/// The obvious order.
const AFTER_THE_END: Order =
    |from, to| format!("xl shutdown -w echo-{from} && xl create /upgrade/echo-{to}.cfg");

/// The new domain is built before the old one ends.
const PAUSED_BEFORE: Order = |from, to| {
    format!(
        "xl create -p /upgrade/echo-{to}.cfg && xl shutdown -w echo-{from} && xl unpause echo-{to}"
    )
};

/// Both serve for a moment, with the same addresses.
const BOTH_AT_ONCE: Order =
    |from, to| format!("xl create /upgrade/echo-{to}.cfg && sleep 1 && xl shutdown -w echo-{from}");

/// A domain that is built beforehand takes over sooner than one that is built when the old one has ended, and one that
/// serves already does so at once; an upgrade can be taken back in the same way.
pub(crate) fn a_new_image_takes_over() {
    let machine = machine();
    bring(&machine);
    run(&machine, "xl create /upgrade/echo-1.cfg");
    wait_until_served(&machine);
    let [after, paused, both] = [AFTER_THE_END, PAUSED_BEFORE, BOTH_AT_ONCE].map(|order| {
        // There and back.
        let gaps = [(1, 2), (2, 1)].map(|(from, to)| gap(&machine, &order(from, to)));
        println!("{}: away for {gaps:?}", order(1, 2));
        gaps.iter().sum::<Duration>()
    });
    let domains = run(&machine, "xl list");
    assert!(domains.contains("echo-1 ") && !domains.contains("echo-2 "), "{domains}");
    end(&machine);
    // How much sooner a paused one is there depends on the machine.
    assert!(both < after && both < paused && after.max(paused) < LONGEST_GAP);
}

/// After SIGHUP, xenconsoled writes a guest's console to a file of the old name.
pub(crate) fn consoles_are_rotated() {
    let machine = machine();
    bring(&machine);
    let log = "/var/log/xen/console/guest-echo-1.log";
    // xenconsoled appends to what an earlier guest of this name has left.
    machine.write(log, "").expect("it can be written");
    run(&machine, "xl create /upgrade/echo-1.cfg");
    wait_until_served(&machine);
    run(&machine, &format!("mv {log} {log}.1 && kill -HUP $(busybox pidof xenconsoled)"));
    run(&machine, "xl sysrq echo-1 s");
    let deadline = Instant::now() + Duration::from_secs(30);
    let counters = |file: &str| {
        let text = machine.read(file).unwrap_or_default();
        String::from_utf8_lossy(&text).matches("region packet ").count()
    };
    while counters(log) == 0 {
        assert!(Instant::now() < deadline, "nothing is written to a new {log}");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(counters(&format!("{log}.1")), 0);
    end(&machine);
}

/// Ends the first domain, and waits until nothing is left of any.
fn end(machine: &Machine) {
    run(machine, "xl shutdown -w echo-1");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let left = machine.leftovers().expect("dom0 answers");
        if left.is_empty() {
            break;
        }
        // xl waits for the end of the guest, and not until it is cleared away.
        assert!(Instant::now() < deadline, "{left:#?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Brings two versions of echo and their domain files.
fn bring(machine: &Machine) {
    let images = cargo::build_xen(&["echo"], &[]).expect("it builds");
    let image = fs::read(&images["echo"]).expect("the image can be read");
    // The file of docs/deploy, as far as this dom0 has what it names.
    let path = cargo::root().join("docs/deploy/xen/echo.cfg");
    let file = fs::read_to_string(path).expect("the file is there");
    let file = file
        .replace("/usr/local/lib/letregion/", "/upgrade/")
        .replace("bridge=xenbr0", "script=/etc/xen/vif,bridge=xenbr0");
    for name in ["echo-1", "echo-2"] {
        machine.write(&format!("/upgrade/{name}"), &*image).expect("it can be written");
        let file = file.replace("echo-1", name);
        machine.write(&format!("/upgrade/{name}.cfg"), file).expect("it can be written");
    }
}

/// Runs commands in dom0, which have to succeed.
fn run(machine: &Machine, script: &str) -> String {
    machine.succeed("sh", &["-c", script]).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The longest time between two replies while these steps are taken and until the service answers again.
fn gap(machine: &Machine, steps: &str) -> Duration {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let longest = scope.spawn(|| {
            let (mut longest, mut last) = (Duration::ZERO, Instant::now());
            while !is_over.load(Ordering::Relaxed) {
                if answers(machine) {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                }
            }
            longest
        });
        run(machine, steps);
        wait_until_served(machine);
        // The other thread has seen a reply since.
        thread::sleep(Duration::from_secs(1));
        is_over.store(true, Ordering::Relaxed);
        longest.join().expect("it ends")
    })
}

fn wait_until_served(machine: &Machine) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !answers(machine) {
        assert!(Instant::now() < deadline, "it does not serve");
    }
}

/// Whether one request is answered in time.
fn answers(machine: &Machine) -> bool {
    let one = Ask { limit: LIMIT, ..requests(PORT, 1, 1) };
    machine.ask(&one, b"there?", None).expect("dom0 asks").1 == b"there?"
}
