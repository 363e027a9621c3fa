//! What a service manager hears of a service (`sd_notify(3)`). This program is both the tests and, started again by a
//! test, the service, in its sandbox.

use std::{
    env, fs, io,
    io::{BufRead as _, BufReader, Read as _},
    os::{
        fd::AsFd as _,
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::PathBuf,
    process::{self, Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Trial};
use rt::Wake;
use rt_unix::{Error, Rt, Runtime as _};
use rustix::process::{Pid, Signal, kill_process};

/// Says which service this process is to be.
const SERVICE: &str = "RT_UNIX_TEST_SERVICE";
/// Longer than any message takes, however busy the machine is.
const LONG: Duration = Duration::from_secs(10);
/// A watchdog that wants to hear from the service so often, in microseconds.
const WATCHDOG: &str = "100000";
/// The message at the start.
const READY: &str = "READY=1\nSTATUS=serving udp 8080 at 10.0.0.2/24";

fn main() -> ExitCode {
    let Ok(name) = env::var(SERVICE) else {
        return libtest_mimic::run(&Arguments::from_args(), trials()).exit_code();
    };
    rt_unix::start("service", move |rt| {
        let (event, _writer) = io::pipe()?;
        let event: &'static io::PipeReader = Box::leak(Box::new(event));
        rt.confine()?;
        rt.serving(format_args!("serving udp 8080 at 10.0.0.2/24"));
        match &*name {
            "idle" => idle(rt, event),
            "busy" => busy(rt),
            "hangs" => hang(),
            "fails" => Err(Error::new(3, "it broke")),
            "two lines" => {
                rt.serving(format_args!("serving\nMAINPID=1"));
                Ok(())
            }
            other => Err(Error::new(1, format_args!("no service is called {other}"))),
        }
    })
}

/// Waits for signals.
fn idle(rt: &mut Rt, event: &'static io::PipeReader) -> Result<(), Error> {
    loop {
        match rt.wait(&event.as_fd(), None)? {
            Wake::Continue => {}
            Wake::Report => rt.print(format_args!("report")),
            Wake::Stop => return Ok(()),
        }
    }
}

/// Never waits, as a service under load.
fn busy(rt: &mut Rt) -> Result<(), Error> {
    while rt.pending_request() != Wake::Stop {}
    Ok(())
}

/// Neither waits nor looks for signals.
fn hang() -> Result<(), Error> {
    loop {
        thread::sleep(Duration::from_millis(10));
    }
}

fn trials() -> Vec<Trial> {
    let trial = |name, check: fn()| {
        Trial::test(name, move || {
            check();
            Ok(())
        })
    };
    vec![
        trial("hears_of_the_start_and_the_end", start_and_end),
        trial("may_have_an_abstract_socket", abstract_socket),
        trial("hears_of_an_end_by_an_error", end_by_error),
        trial("gets_one_line_of_status", one_line),
        trial("hears_from_a_service_that_sleeps_and_from_one_that_never_does", watchdog),
        trial("does_not_hear_from_a_service_that_hangs", hanging),
        trial("does_not_hear_from_a_process_that_was_not_asked", other_process),
        trial("may_go_away", gone),
        trial("may_stop_reading", full),
        trial("with_an_address_that_is_wrong_is_warned_of", bad_address),
        trial("with_a_watchdog_that_is_wrong_is_warned_of", bad_watchdog),
    ]
}

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
    /// What `NOTIFY_SOCKET` says.
    name: String,
    path: Option<PathBuf>,
}

impl Manager {
    fn at_path(name: &str) -> Self {
        let path = env::temp_dir().join(format!("rt-unix-manager-{name}-{}", process::id()));
        // What a test that was killed has left.
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        Self::new(socket, path.to_str().unwrap().into(), Some(path))
    }

    fn abstract_one() -> Self {
        let name = format!("rt-unix-manager-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self::new(UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}"), None)
    }

    fn new(socket: UnixDatagram, name: String, path: Option<PathBuf>) -> Self {
        socket.set_read_timeout(Some(LONG)).unwrap();
        Self { socket, name, path }
    }

    fn start(&self, service: &str) -> Service {
        Service::start(service, &[("NOTIFY_SOCKET", &self.name)])
    }

    /// The next message.
    fn message(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// Whether no message comes for a while.
    fn is_quiet(&self) -> bool {
        self.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let received = self.socket.recv(&mut [0; 4096]);
        self.socket.set_read_timeout(Some(LONG)).unwrap();
        received.is_err()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.path.as_ref().map(fs::remove_file);
    }
}

/// A service, killed when it is forgotten.
struct Service(Child);

impl Service {
    fn start(service: &str, variables: &[(&str, &str)]) -> Self {
        Self::spawn(Command::new(env::current_exe().unwrap()), service, variables)
    }

    fn spawn(mut command: Command, service: &str, variables: &[(&str, &str)]) -> Self {
        // These tests may themselves run below a service manager.
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(variable);
        }
        command.env(SERVICE, service).envs(variables.iter().copied());
        Self(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// The lines on standard error up to the one that says that it serves.
    fn lines_until_serving(&mut self) -> Vec<String> {
        self.lines_until("serving ")
    }

    /// The lines on standard error up to one that begins like this.
    fn lines_until(&mut self, beginning: &str) -> Vec<String> {
        let mut reader = BufReader::with_capacity(1, self.0.stderr.as_mut().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let length = reader.read_line(&mut line).unwrap();
            assert!(length > 0, "no line {beginning} in {lines:?}");
            if line.starts_with(beginning) {
                return lines;
            }
            lines.push(line.trim_end().into());
        }
    }

    /// Its status within ten seconds, and what is left on standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        let patience = Instant::now() + LONG;
        let status = loop {
            match self.0.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > patience => panic!("the service did not end"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut said = String::new();
        self.0.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
        (status.code(), said)
    }

    /// Ends it, which has to be well.
    fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let (status, said) = self.end();
        assert_eq!(status, Some(0), "{said}");
        said
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Nothing to do if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_and_end() {
    let manager = Manager::at_path("ends");
    let mut service = manager.start("idle");
    assert_eq!(service.lines_until_serving(), [""; 0]);
    assert_eq!(manager.message(), READY);
    // Nothing else without a watchdog, whatever happens.
    service.signal(Signal::USR1);
    assert!(manager.is_quiet());
    service.signal(Signal::TERM);
    assert_eq!(manager.message(), "STOPPING=1");
    assert_eq!(service.end(), (Some(0), "report\n".into()));
    assert!(manager.is_quiet());
}

fn abstract_socket() {
    let manager = Manager::abstract_one();
    let service = manager.start("idle");
    assert_eq!(manager.message(), READY);
    service.stop();
    assert_eq!(manager.message(), "STOPPING=1");
}

fn end_by_error() {
    let manager = Manager::at_path("error");
    let mut service = manager.start("fails");
    assert_eq!(manager.message(), READY);
    assert_eq!(manager.message(), "STOPPING=1");
    assert_eq!(service.end().0, Some(3));
}

fn one_line() {
    let manager = Manager::at_path("line");
    let mut service = manager.start("two lines");
    assert_eq!(manager.message(), READY);
    assert_eq!(manager.message(), "READY=1\nSTATUS=serving MAINPID=1");
    assert_eq!(service.end().0, Some(0));
}

fn watchdog() {
    for name in ["idle", "busy"] {
        let manager = Manager::at_path(&format!("watchdog-{name}"));
        // As systemd does: the process that it starts is the one that is asked.
        let mut shell = Command::new("sh");
        shell.args(["-c", "WATCHDOG_PID=$$ exec \"$0\""]).arg(env::current_exe().unwrap());
        let variables = [("NOTIFY_SOCKET", &*manager.name), ("WATCHDOG_USEC", WATCHDOG)];
        let service = Service::spawn(shell, name, &variables);
        assert_eq!(manager.message(), READY);
        let start = Instant::now();
        for _ in 0..10 {
            assert_eq!(manager.message(), "WATCHDOG=1", "{name}");
        }
        // Ten times 50 ms; a message that came late is followed sooner by the next one.
        assert!(start.elapsed() > Duration::from_millis(400), "{name}: {:?}", start.elapsed());
        service.stop();
    }
}

fn hanging() {
    let manager = Manager::at_path("hangs");
    let variables = [("NOTIFY_SOCKET", &*manager.name), ("WATCHDOG_USEC", WATCHDOG)];
    let _service = Service::start("hangs", &variables);
    assert_eq!(manager.message(), READY);
    assert!(manager.is_quiet());
}

fn other_process() {
    let manager = Manager::at_path("other");
    let variables =
        [("NOTIFY_SOCKET", &*manager.name), ("WATCHDOG_USEC", WATCHDOG), ("WATCHDOG_PID", "1")];
    let mut service = Service::start("idle", &variables);
    assert_eq!(service.lines_until_serving(), [""; 0]);
    assert_eq!(manager.message(), READY);
    assert!(manager.is_quiet());
    service.stop();
}

fn gone() {
    let manager = Manager::at_path("gone");
    let variables = [("NOTIFY_SOCKET", &*manager.name), ("WATCHDOG_USEC", WATCHDOG)];
    let service = Service::start("idle", &variables);
    assert_eq!(manager.message(), READY);
    drop(manager);
    thread::sleep(Duration::from_millis(300));
    let said = service.stop();
    let words = "warning: the service manager is told nothing more: Connection refused";
    assert_eq!(said.matches(words).count(), 1, "{said}");
}

/// The queue of a socket that nobody reads holds some ten messages.
fn full() {
    let manager = Manager::at_path("full");
    let variables = [("NOTIFY_SOCKET", &*manager.name), ("WATCHDOG_USEC", "2000")];
    let mut service = Service::start("idle", &variables);
    assert_eq!(service.lines_until_serving(), [""; 0]);
    thread::sleep(Duration::from_millis(500));
    service.signal(Signal::USR1);
    assert_eq!(service.lines_until("report"), [""; 0]);
    assert_eq!(service.stop(), "");
}

fn bad_address() {
    let long = format!("/{}", "x".repeat(200));
    for (value, words) in [
        ("tmp", "NOTIFY_SOCKET=tmp: expected a path that begins with '/', or '@' and a name"),
        ("vsock:2:1", "NOTIFY_SOCKET=vsock:2:1: expected a path"),
        ("/no/such/socket", "NOTIFY_SOCKET=/no/such/socket: No such file or directory"),
        ("@nobody-has-this", "NOTIFY_SOCKET=@nobody-has-this: Connection refused"),
        ("/\u{1b}[2J", "NOTIFY_SOCKET=/\\u{1b}[2J: No such file"),
        (&long, "NOTIFY_SOCKET=/xxx"),
    ] {
        // Without the manager, its watchdog is of no interest.
        let variables = [("NOTIFY_SOCKET", value), ("WATCHDOG_USEC", "x")];
        let mut service = Service::start("idle", &variables);
        let lines = service.lines_until_serving();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(&format!("warning: {words}")), "{lines:?}");
        service.stop();
    }
    let mut service = Service::start("idle", &[("NOTIFY_SOCKET", "")]);
    assert_eq!(service.lines_until_serving(), [""; 0]);
    service.stop();
}

fn bad_watchdog() {
    let manager = Manager::at_path("bad");
    for value in ["", "0", "1999", "-1", "1s", "18446744073709551615", "\u{1b}"] {
        let variables = [("NOTIFY_SOCKET", &*manager.name), ("WATCHDOG_USEC", value)];
        let mut service = Service::start("idle", &variables);
        let value = value.escape_debug();
        let words = format!("warning: WATCHDOG_USEC={value}: expected microseconds, 2000 at least");
        assert_eq!(service.lines_until_serving(), [words]);
        assert_eq!(manager.message(), READY);
        service.stop();
        assert_eq!(manager.message(), "STOPPING=1");
    }
}
