//! A dom0 whose memory runs out: the next guest is refused in words, xenstored lives, and the guests that are there answer.

use std::{
    fs,
    time::{Duration, Instant},
};

use lab::{
    cargo,
    xen::{Domain, Machine, Settings, Vif, plain},
};

use super::support::{PORT, boot, requests, serving};

/// How long dom0 may take to be without memory, and to have it again.
const WITHIN: Duration = Duration::from_secs(60);
/// Takes memory until there is little: what is in the file counts for nobody whom the kernel could end.
const TAKE: &str = "\
    mkdir -p /tmp/taken; mount -t tmpfs -o size=100% taken /tmp/taken
    left() { awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo; }
    dd if=/dev/zero of=/tmp/taken/file bs=1M count=$(($(left) - LEFT)) 2>/dev/null
    left";
/// Programs that take more than is left, and are ended for it.
const HOG: &str =
    "for i in 1 2 3 4 5 6; do dd if=/dev/zero of=/dev/null bs=16M count=50 & done; wait";

fn xenstored(machine: &Machine) -> String {
    let pid = machine.read("/var/run/xenstored.pid").expect("it has a number");
    String::from_utf8(pid).expect("it is text").trim().to_owned()
}

pub(crate) fn a_guest_is_refused_before_xenstored_dies() {
    let images = cargo::build_xen(&["echo"], &[]).expect("echo builds");
    let image = fs::read(&images["echo"]).expect("the image can be read");
    let machine = boot();
    let settings = |name, line, last| Settings {
        name,
        kernel: &image,
        ramdisk: None,
        command_line: line,
        memory: 2,
        vif: Some(Vif { mac: [0, 0x16, 0x3e, 0, 0, last], ..Vif::default() }),
        restart: false,
        more: "",
    };
    let first = serving(&machine, &settings("first", "--ipv4=10.0.0.2/24", 1));
    let store = xenstored(&machine);
    let score = machine.read(&format!("/proc/{store}/oom_score_adj")).expect("it is there");
    assert_eq!(score.trim_ascii(), b"-1000");

    let left = machine.run_within("sh", &["-c", &TAKE.replace("LEFT", "30")], WITHIN).unwrap();
    println!("dom0 has {} MiB left", left.stdout.trim());
    assert!(left.stdout.trim().parse::<u32>().is_ok_and(|left| left < 36), "{left:?}");
    let next = settings("next", "--ipv4=10.0.0.3/24", 2);
    let Err(error) = Domain::create(&machine, &next, plain(), |_| ()) else {
        panic!("there was room for it")
    };
    let error = format!("{error:#}");
    println!("{error}");
    for part in
        ["no room in dom0 for the guest next: ", " KiB have to be", "xenstored", "dom0_mem="]
    {
        assert!(error.contains(part), "{error}");
    }
    answers(&machine);

    // Beyond what anybody checks: the kernel ends the program, and not xenstored or the agent.
    let ended = machine.run_within("sh", &["-c", HOG], WITHIN).unwrap();
    let log = machine.succeed("dmesg", &[]).unwrap();
    assert!(log.contains("Out of memory: Killed process"), "{ended:?}: nothing was ended:\n{log}");
    let killed: Vec<_> = log.lines().filter(|line| line.contains("Killed process")).collect();
    println!("{}", killed.join("\n"));
    assert!(!killed.iter().any(|line| line.contains("(xenstored)")), "{killed:?}");
    assert_eq!(xenstored(&machine), store);
    machine.succeed("xenstore-read", &["/local/domain/0/name"]).expect("xenstored answers");
    answers(&machine);

    // With its memory back, dom0 takes the next.
    machine.succeed("umount", &["/tmp/taken"]).unwrap();
    let start = Instant::now();
    let _next = serving(&machine, &next);
    assert!(start.elapsed() < WITHIN, "{:?}", start.elapsed());
    drop(first);
}

/// Whether the first guest does.
fn answers(machine: &Machine) {
    let (asked, _) = machine.ask(&requests(PORT, 20, 1), b"hello", Some(b"hello")).unwrap();
    assert_eq!(asked.equal, 20, "{asked:?}");
}
