//! What the services answer: the table that Linux and Xen are held to as well.

use std::time::Instant;

use tests::{Exchange, apps, exchanges};

use super::support::{COUNTERS, ask, connect, counter, with_service};

/// How often the same is asked in a row at most: a processor that is emulated takes 60 ms to sort what the table has 1,000 times.
const MOST_TIMES: usize = 100;

pub(crate) fn the_table_of_requests() {
    let table = exchanges();
    let stats = format!("--stats-port={COUNTERS}");
    for app in apps() {
        with_service(app, &[&stats], |lab, service| {
            let start = Instant::now();
            for exchange in table.iter().filter(|exchange| exchange.app == app) {
                let Exchange { port, request, reply, times, .. } = exchange;
                let socket = connect(lab, *port);
                for _ in 0..(*times).min(MOST_TIMES) {
                    let came = ask(&socket, request);
                    assert!(reply.is(&came), "{app}, port {port}: {}", difference(exchange, &came));
                }
            }
            assert_eq!(counter(lab, "eth0.virtio.device_violations"), 0, "{app}");
            let lines = service.lines();
            let memory = lines.iter().find(|line| line.starts_with("memory "));
            println!("{app}: {} in {:.1?}", memory.expect("it says its memory"), start.elapsed());
        });
    }
}

/// The beginnings of what was asked, and of what came.
fn difference(exchange: &Exchange, came: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    let (request, reply) = (text(&exchange.request), text(came));
    format!("{request:?} was answered with {reply:?} ({} bytes)", came.len())
}
