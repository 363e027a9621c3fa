//! Guests with several processors.

use std::{net::SocketAddr, thread::sleep, time::Duration};

use lab::{
    Lab, Network, Service,
    kvm::{Guest, Machine, Sockets, shut_down},
};
use tests::{Exchange, apps, exchanges};

use super::{
    support::{
        COUNTERS, ask, client, connect, counter, exchange, guest, image_with, in_network_of,
        on_each_machine_with, output,
    },
    waits::{IDLE, MOST, processor_time},
};
use crate::{
    flows::{ask_all, flow},
    report::number,
};

/// The memory of a guest with two processors, in MiB: with the queues of its network device at the first alone, and with queues for
/// each on a machine where the device has them.
const LITTLE: u32 = 4;
const MEMORY: u32 = 16;
/// How often the same is asked in a row at most.
const MOST_TIMES: usize = 20;
const FEATURES: &[&str] = &["cores"];
/// Two processors, each with a pair of queues of the network device on the machines that have several.
const TWO: &str = "--cores=2";

/// Whether the network device of this machine has a pair of queues for each processor.
fn has_pairs(machine: Machine) -> bool {
    machine.queue_pairs(2) > 1
}

/// Calls `test` with a service on two processors of this machine, with its monitor.
fn with_two(
    lab: &Lab,
    app: &str,
    (machine, memory): (Machine, u32),
    test: impl FnOnce(&Lab, &mut Service<'_>),
) -> Vec<String> {
    let image = image_with(app, FEATURES);
    let sockets = Sockets::new().expect("there is room for a socket");
    let monitor = sockets.monitor();
    let guest = Guest { monitor: Some(&monitor), ..guest(machine, &image, memory) };
    let stats = format!("--stats-port={COUNTERS}");
    let service = guest.start(lab, &[TWO, &stats], |_| ());
    let mut service = service.unwrap_or_else(|error| panic!("{error:#}"));
    test(lab, &mut service);
    if machine == (Machine::Microvm { acpi: false }) {
        return service.stop().expect("QEMU ends").1;
    }
    let (status, lines) = shut_down(service, &monitor).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(status.success(), "{status}: {lines:#?}");
    lines
}

/// A guest with two processors answers the requests of the table (`tests::exchanges`) as one with one processor does.
pub(crate) fn two_answer_the_table_of_requests() {
    let table = exchanges();
    let sizes = [LITTLE, MEMORY];
    for (app, memory) in apps().into_iter().flat_map(|app| sizes.map(|memory| (app, memory))) {
        in_network_of(Machine::Q35, &[TWO], |lab| {
            with_two(lab, app, (Machine::Q35, memory), |lab, _| {
                for exchange in table.iter().filter(|exchange| exchange.app == app) {
                    let Exchange { port, request, reply, times, .. } = exchange;
                    for _ in 0..(*times).min(MOST_TIMES) {
                        // A flow of its own each time.
                        let came = ask(&connect(lab, *port), request);
                        assert!(reply.is(&came), "{app}, port {port}: {} bytes", came.len());
                    }
                }
            });
        });
    }
}

/// The first request of each flow is answered, whichever processor it is for; both have served some, and end with their counters.
pub(crate) fn flows_go_to_both() {
    image_with("echo", FEATURES);
    on_each_machine_with(&[TWO], |lab, machine| {
        let lines = with_two(lab, "echo", (machine, MEMORY), |lab, service| {
            let to: SocketAddr = (lab.network().service, 8080).into();
            let flows: Vec<_> = (0..64).map(|_| flow(to)).collect();
            let requests: Vec<_> = (0..64_u8).map(|seed| vec![seed; 40]).collect();
            assert_eq!(ask_all(&flows, &requests, Duration::from_secs(20)), 64);
            // Of fragments, which go where their datagram does.
            for length in [1472, 1473, 8000, 60_000] {
                let client = client(lab);
                exchange(&client, &vec![b'x'; length]);
            }
            let lines = service.lines();
            let serving: Vec<_> =
                lines.iter().filter(|line| line.starts_with("serving ")).collect();
            assert!(
                matches!(serving[..], [line] if line.ends_with(" on 2 cores")),
                "{machine:?}: {lines:#?}"
            );
        });
        if machine == (Machine::Microvm { acpi: false }) {
            return;
        }
        assert_eq!(number(&lines, "eth0.udp.datagrams_rx"), 68, "none was sent twice: {lines:#?}");
        let steered = number(&lines, "eth0.steer.steered");
        let served = |region: &str| {
            let line = lines.iter().find(|line| line.starts_with(region));
            let turns = line.and_then(|line| line.split_once(" resets ")?.1.split(' ').next());
            turns.and_then(|turns| turns.parse::<u32>().ok()).unwrap_or(0)
        };
        let served = ["region packet ", "core 1: region packet "].map(served);
        println!("{machine:?}: {steered} frames steered, turns of each: {served:?}");
        if has_pairs(machine) {
            assert_eq!(steered, 0, "{lines:#?}");
            assert_eq!(number(&lines, "eth0.virtio.connections"), 2, "{lines:#?}");
        } else {
            assert!((10..200).contains(&steered), "{steered} frames of 64 flows: {lines:#?}");
        }
        assert_eq!(number(&lines, "eth0.steer.taken"), steered, "{lines:#?}");
        assert!(served.iter().all(|turns| *turns > 10), "{served:?}: {lines:#?}");
    });
}

/// The network device may have fewer pairs of queues than there are processors, and more.
pub(crate) fn two_serve_with_any_number_of_queues() {
    let image = image_with("echo", FEATURES);
    for (machine, pairs) in
        [(Machine::Pc, 1), (Machine::Q35, 1), (Machine::Pc, 3), (Machine::Q35, 4)]
    {
        let network = Network { queues: pairs > 1, ..Network::default() };
        let serves = |lab: &Lab| {
            let guest = Guest { queue_pairs: Some(pairs), ..guest(machine, &image, MEMORY) };
            let service = guest.start(lab, &[TWO], |_| ());
            let service = service.unwrap_or_else(|error| panic!("{pairs} pairs: {error:#}"));
            let to: SocketAddr = (lab.network().service, 8080).into();
            let flows: Vec<_> = (0..64).map(|_| flow(to)).collect();
            let requests: Vec<_> = (0..64_u8).map(|seed| vec![seed; 40]).collect();
            let answered = ask_all(&flows, &requests, Duration::from_secs(20));
            assert_eq!(answered, 64, "{machine:?} with {pairs} pairs: {:#?}", service.lines());
        };
        lab::in_namespace(network, serves).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

/// Neither processor is woken while there is nothing to do.
pub(crate) fn two_that_are_idle_take_no_processor_time() {
    image_with("echo", FEATURES);
    on_each_machine_with(&[TWO], |lab, machine| {
        with_two(lab, "echo", (machine, MEMORY), |lab, service| {
            exchange(&client(lab), b"hello");
            sleep(Duration::from_millis(500));
            let before = processor_time(service.id());
            sleep(IDLE);
            let taken = processor_time(service.id()) - before;
            println!("{machine:?}: QEMU took {taken:?} of {IDLE:?}");
            assert!(taken < MOST, "{machine:?}: QEMU took {taken:?} of {IDLE:?}");
            exchange(&client(lab), b"they were only asleep");
        });
    });
}

/// A flow of the first processor does not wake the other one. Its messages interrupt that one alone.
pub(crate) fn an_idle_one_is_not_woken_by_the_traffic_of_the_other() {
    const REQUESTS: u64 = 200;
    image_with("echo", FEATURES);
    on_each_machine_with(&[TWO], |lab, machine| {
        with_two(lab, "echo", (machine, MEMORY), |lab, _| {
            let flows_of_first = (0..20).filter(|_| {
                let client = client(lab);
                // Both processors publish what they have counted within a second.
                let numbers = || {
                    sleep(Duration::from_millis(1200));
                    ["eth0.steer.steered", "core0.sleeps", "core1.sleeps"]
                        .map(|name| counter(lab, name))
                };
                let before = numbers();
                (0..REQUESTS).for_each(|_| exchange(&client, b"who is awake"));
                let after = numbers();
                let [steered, first, other] = [0, 1, 2].map(|nth| after[nth] - before[nth]);
                println!("{machine:?}: {steered} requests steered, {first} and {other} sleeps");
                // The counters are asked for too, and the peer says something now and then.
                let most = REQUESTS / 4;
                if has_pairs(machine) {
                    // Those of the other do not wake the first.
                    assert!(
                        first.min(other) < most,
                        "{machine:?}: woken {first} and {other} times"
                    );
                    return other < first;
                }
                let is_of_first = steered < REQUESTS / 2;
                assert!(!is_of_first || other < most, "{machine:?}: woken {other} times");
                is_of_first
            });
            assert!(flows_of_first.take(2).count() == 2, "{machine:?}: no flows of the first");
        });
    });
}

/// The machine says how many processors it has, or it is found out when they do not start.
pub(crate) fn what_is_not_there_is_refused_in_words() {
    let image = image_with("echo", FEATURES);
    on_each_machine_with(&[TWO], |lab, machine| {
        let says = machine != (Machine::Microvm { acpi: false });
        let expected = "expected --cores=1 to --cores=32, once, or --cores=all";
        let cases = [
            ("--cores=3", if says { "the machine has 2" } else { "only 2 have started" }),
            ("--cores=0", expected),
            ("--cores=two", expected),
            ("--cores=all", if says { "on 2 cores" } else { "say a number" }),
        ];
        for (argument, words) in cases {
            let guest = Guest { processors: Some(2), ..guest(machine, &image, MEMORY) };
            if says && argument == "--cores=all" {
                let service = guest.start(lab, &[argument], |_| ());
                let service = service.unwrap_or_else(|error| panic!("{error:#}"));
                let lines = service.lines();
                assert!(lines.iter().any(|line| line.ends_with(words)), "{lines:#?}");
                continue;
            }
            let output = output(guest.command(lab, &[argument]).expect("it can be given"));
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(text.contains(words), "{machine:?}, {argument}: {text}");
        }
    });
}
