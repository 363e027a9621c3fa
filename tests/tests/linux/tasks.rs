//! Services that compute do not delay others.

use std::{
    net::UdpSocket,
    process::Command,
    time::{Duration, Instant},
};

use lab::Lab;

use super::support::{FACTORIAL, ask, connect, program, receive, with_service};

/// The port of Fibonacci numbers by addition.
const FIBONACCI: u16 = 8081;
/// The request that takes longest there: half a second of a processor.
const HEAVY: &str = "313450";
/// How many of them wait.
const HEAVY_REQUESTS: usize = 20;
/// How soon a quick request is answered, beside them.
const QUICK: Duration = Duration::from_millis(20);
/// How soon the process ends.
const SOON: Duration = Duration::from_millis(100);
/// How often the quick request is asked. The median counts: this process and the service share two processors with
/// others.
const TIMES: usize = 21;

fn send_heavy(lab: &Lab) -> Vec<UdpSocket> {
    let clients: Vec<_> = (0..HEAVY_REQUESTS).map(|_| connect(lab, FIBONACCI)).collect();
    for client in &clients {
        client.send(HEAVY.as_bytes()).expect("a request can be sent");
    }
    clients
}

/// The median of the times that `work` takes.
fn median(mut work: impl FnMut()) -> Duration {
    let mut times = Vec::from_iter((0..TIMES).map(|_| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    }));
    times.sort_unstable();
    times[TIMES / 2]
}

pub(crate) fn twenty_that_compute_delay_nobody() {
    with_service("facfib", &[], |lab, service| {
        let quick = connect(lab, FACTORIAL);
        assert_eq!(ask(&quick, "20"), b"2432902008176640000");
        let begun = Instant::now();
        let clients = send_heavy(lab);
        // All have been taken in when this is answered.
        assert_eq!(ask(&quick, "5"), b"120");
        let took = median(|| assert_eq!(ask(&quick, "20"), b"2432902008176640000"));
        let pinged = median(|| {
            let address = lab.network().service.to_string();
            let ping = Command::new("ping").args(["-q", "-c1", "-w1", &address]).output();
            assert!(ping.expect("ping starts").status.success());
        });
        for client in &clients {
            client.set_nonblocking(true).expect("a socket can be told so");
            assert!(client.recv(&mut [0; 16]).is_err(), "they were not heavy enough");
            client.set_nonblocking(false).expect("a socket can be told so");
        }
        println!("beside {HEAVY_REQUESTS}: a reply in {took:?}, a ping in {pinged:?}");
        assert!(took <= QUICK, "{took:?}");
        // With the time that the program `ping` takes.
        assert!(pinged <= 2 * QUICK, "{pinged:?}");
        // All are answered, each right.
        let replies: Vec<_> = clients
            .iter()
            .map(|client| {
                client
                    .set_read_timeout(Some(Duration::from_secs(120)))
                    .expect("a timeout can be set");
                receive(client)
            })
            .collect();
        println!("{HEAVY_REQUESTS} requests took {:?}", begun.elapsed());
        assert!(replies.iter().all(|reply| reply.len() == 65_507 && *reply == replies[0]));
        assert!(service.ended().expect("its status can be read").is_none());
    });
}

pub(crate) fn a_service_that_computes_ends_soon() {
    let program = program("facfib");
    super::support::in_lab(|lab| {
        let service = lab::Service::start(lab, program, [""; 0], |_| ()).expect("it serves");
        let _clients = send_heavy(lab);
        assert_eq!(ask(&connect(lab, FACTORIAL), "5"), b"120");
        let begun = Instant::now();
        let (status, lines) = service.stop().expect("it ends");
        let took = begun.elapsed();
        println!("it ended in {took:?}");
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        assert!(took <= SOON, "{took:?}");
        let tasks = |name: &str| format!("eth0.tasks.{name} ");
        for name in ["spawned", "ended"] {
            let line = lines.iter().find(|line| line.starts_with(&tasks(name)));
            assert_eq!(line.map(|line| &line[tasks(name).len()..]), Some("21"), "{lines:#?}");
        }
    });
}

pub(crate) fn requests_above_the_limit_are_told_so() {
    with_service("facfib", &["--memory=1M"], |lab, _| {
        let clients = send_heavy(lab);
        let mut busy = 0;
        for client in &clients {
            client.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout can be set");
            let reply = receive(client);
            if reply.len() < 100 {
                let text = String::from_utf8(reply).expect("it is text");
                assert!(text.starts_with("busy: "), "{text}");
                busy += 1;
            }
        }
        assert!((10..HEAVY_REQUESTS).contains(&busy), "{busy}");
    });
}
