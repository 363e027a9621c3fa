//! What the services answer: the table that Xen is held to as well.

use tests::{Exchange, apps, exchanges};

use super::support::{ask, connect, with_service};

pub(crate) fn the_table_of_requests() {
    let table = exchanges();
    for app in apps() {
        with_service(app, &[], |lab, _| {
            for exchange in table.iter().filter(|exchange| exchange.app == app) {
                let Exchange { port, request, reply, times, .. } = exchange;
                let socket = connect(lab, *port);
                for _ in 0..*times {
                    let came = ask(&socket, request);
                    assert!(reply.is(&came), "{app}, port {port}: {}", difference(exchange, &came));
                }
            }
        });
    }
}

/// The beginnings of what was asked, and of what came.
fn difference(exchange: &Exchange, came: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    let (request, reply) = (text(&exchange.request), text(came));
    format!("{request:?} was answered with {reply:?} ({} bytes)", came.len())
}
