//! What the tests share.

use std::{
    collections::BTreeMap,
    net::UdpSocket,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::Duration,
};

use lab::{Lab, Network, Service, cargo};

/// The port of factorials in facfib.
pub(crate) const FACTORIAL: u16 = 8080;
/// The port of all the others.
pub(crate) const PORT: u16 = 8080;

/// How long a reply may take, on a busy machine too.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The program of a service, built for release.
pub(crate) fn program(app: &str) -> &'static Path {
    static PROGRAMS: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    let programs = PROGRAMS.get_or_init(|| {
        cargo::build(&["dns", "echo", "facfib", "kv", "monte-carlo", "sort", "web"], &[])
            .expect("the services build")
    });
    &programs[app]
}

/// Calls `test` in a network of its own.
pub(crate) fn in_lab<T: Send>(test: impl FnOnce(&Lab) -> T + Send) -> T {
    lab::in_namespace(Network::default(), test).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Calls `test` in a network of its own with this service in it, which then has to end well.
pub(crate) fn with_service<T: Send>(
    app: &str,
    args: &[&str],
    test: impl FnOnce(&Lab, &mut Service<'_>) -> T + Send,
) -> T {
    let program = program(app);
    in_lab(|lab| {
        // Dropped after the service, so that it has the counters of the end too.
        let said = Said::default();
        let lines = Arc::clone(&said.0);
        let keep =
            move |line: &str| lines.lock().expect("nobody panics here").push(line.to_owned());
        let mut service = Service::start(lab, program, args, keep)
            .unwrap_or_else(|error| panic!("{app}: {error:#}"));
        let result = test(lab, &mut service);
        let (status, lines) = service.stop().unwrap_or_else(|error| panic!("{app}: {error:#}"));
        assert!(status.success(), "{app}: {status}: {lines:#?}");
        result
    })
}

/// What a service said, for whoever looks into a test that fails.
#[derive(Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Drop for Said {
    fn drop(&mut self) {
        if thread::panicking()
            && let Ok(lines) = self.0.lock()
        {
            eprintln!("the service said:\n{}", lines.join("\n"));
        }
    }
}

/// A socket that is connected to the service and does not wait for ever.
pub(crate) fn connect(lab: &Lab, port: u16) -> UdpSocket {
    let socket = lab.connect(port).expect("a socket can be opened");
    socket.set_read_timeout(Some(REPLY_TIMEOUT)).expect("a timeout can be set");
    socket
}

/// The next datagram.
pub(crate) fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut reply = vec![0; 1 << 16];
    let length = socket.recv(&mut reply).expect("there is a reply");
    reply.truncate(length);
    reply
}

/// Sends a request and waits for its reply.
pub(crate) fn ask(socket: &UdpSocket, request: impl AsRef<[u8]>) -> Vec<u8> {
    let request = request.as_ref();
    assert_eq!(socket.send(request).expect("a request can be sent"), request.len());
    receive(socket)
}

/// Sends a request and waits for its reply, which is text.
pub(crate) fn ask_text(socket: &UdpSocket, request: impl AsRef<[u8]>) -> String {
    String::from_utf8(ask(socket, request)).expect("the reply is text")
}
