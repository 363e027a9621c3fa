//! The Linux guest that ours are compared with.

use std::time::{Duration, Instant};

use lab::xen::{Domain, Ended, Linux, Vif, plain};

use super::support::{PORT, machine, requests};

/// How long Linux may take to serve.
const SERVING_WITHIN: Duration = Duration::from_secs(120);

pub(crate) fn answers_and_leaves_nothing_behind() {
    let machine = machine();
    assert_eq!(machine.leftovers().unwrap(), [""; 0]);
    let linux = Linux::new(&machine, "--ipv4=10.0.0.2/24").unwrap();
    let start = Instant::now();
    let domain = Domain::create(&machine, &linux.settings("linux"), plain(), |_| ())
        .unwrap_or_else(|error| panic!("{error:#}"));
    let created = start.elapsed();
    let serving = |from| domain.wait_for_line(from, SERVING_WITHIN, lab::is_serving);
    serving(0).unwrap_or_else(|error| panic!("{error:#}"));
    let one = requests(PORT, 1, 1);
    let (asked, reply) = machine.ask(&one, b"hello", None).unwrap();
    assert_eq!((asked.equal, &reply[..]), (1, &b"hello"[..]), "{asked:?}");
    println!("xl create: {created:.1?}; first reply after {:.1?}", start.elapsed());

    // What a guest has is found, or its absence would mean nothing.
    let there = machine.leftovers().unwrap();
    for kind in ["a domain", "in xenstore", "an interface", "in a grant table"] {
        assert!(there.iter().any(|thing| thing.starts_with(kind)), "no {kind}: {there:#?}");
    }

    every_request_is_answered();
    let ping = machine.succeed("ping", &["-c", "3", "-i", "0.2", "-W", "5", "10.0.0.2"]).unwrap();
    assert!(ping.contains(" 0% packet loss"), "{ping}");
    let args = ["-c", "2", "-w", "20", "-I", "xenbr0", "10.0.0.2"];
    let arping = machine.succeed("arping", &args).unwrap();
    assert!(arping.contains("[00:16:3e:00:00:01]"), "{arping}");

    domain.detach_network().unwrap();
    let brief = Duration::from_secs(2);
    let gone = machine.ask(&lab::xen::Ask { limit: brief, ..one.clone() }, b"x", None).unwrap();
    assert_eq!(gone.0.equal, 0, "an interface that was taken away answers");
    domain.attach_network(&Vif::default()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while machine.ask(&one, b"again", None).unwrap().1 != b"again" {
        assert!(Instant::now() < deadline, "no reply after the network came back");
    }

    let from = domain.console().lines().len();
    domain.reboot().unwrap_or_else(|error| panic!("{error:#}"));
    serving(from).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(machine.ask(&one, b"rebooted", None).unwrap().1, b"rebooted");

    let ended = domain.shutdown().unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(ended, Ended::Poweroff);
    assert_eq!(machine.leftovers().unwrap(), [""; 0]);
}

/// One at a time and many at a time, small and large.
fn every_request_is_answered() {
    let machine = machine();
    for (times, window, length) in
        [(100, 1, 64), (50, 1, 8192), (640, 64, 64), (256, 64, 8192), (5, 1, 65_507)]
    {
        let request: Vec<u8> = (0..length).map(|i: u32| (i % 251) as u8).collect();
        let (asked, reply) =
            machine.ask(&requests(PORT, times, window), &request, Some(&request)).unwrap();
        assert!(asked.equal == times && reply == request, "{window} x {length} bytes: {asked:?}");
        let rate = f64::from(times) / asked.elapsed.as_secs_f64();
        println!("{length} bytes, {window} at a time: {rate:.0} a second");
    }
    let different = machine.ask(&requests(PORT, 3, 1), b"one", Some(b"two")).unwrap().0;
    assert_eq!((different.equal, different.different, different.lost), (0, 3, 0));
}
