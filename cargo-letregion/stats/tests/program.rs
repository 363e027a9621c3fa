//! The program against a fake service on 127.0.0.1, which may be as bad as it likes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

const LISTING: &str = include_str!("listing.txt");
/// Longer than anything takes, however busy the machine is.
const LONG: Duration = Duration::from_secs(20);

/// A service that gives each request to `answer`, and sends what it returns.
fn fake(mut answer: impl FnMut(&str) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    thread::spawn(move || {
        let mut request = [0; 2048];
        while let Ok((length, client)) = socket.recv_from(&mut request) {
            for reply in answer(str::from_utf8(&request[..length]).unwrap()) {
                // A client that has its answer is gone.
                let _ = socket.send_to(&reply, client);
            }
        }
    });
    address
}

/// A service that answers as a real one does.
fn good() -> SocketAddr {
    fake(|prefix| {
        let lines = LISTING.split_inclusive('\n').filter(|line| line.starts_with(prefix));
        vec![lines.collect::<String>().into_bytes()]
    })
}

/// A service that sends the same to everybody.
fn constant(reply: impl Into<Vec<u8>>) -> SocketAddr {
    let reply = reply.into();
    fake(move |_| vec![reply.clone()])
}

fn program(service: SocketAddr, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_letregion-stats"));
    command.arg(service.to_string()).args(args).stdin(Stdio::null());
    command
}

fn run(service: SocketAddr, args: &[&str]) -> Output {
    program(service, args).output().unwrap()
}

/// What it prints, if all is well.
fn printed(service: SocketAddr, args: &[&str]) -> String {
    let output = run(service, args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*error), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// The one line with which it ends, status 1, and nothing on standard output.
fn error(service: SocketAddr, args: &[&str]) -> String {
    let output = run(service, args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
    let line = error.strip_prefix(&format!("letregion-stats: {service}: ")).unwrap_or(&error);
    let line = line.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{line}");
    line.into()
}

#[test]
fn the_lines_are_those_of_the_service() {
    let service = good();
    assert_eq!(printed(service, &[]), LISTING);
    let udp = printed(service, &["eth0.udp."]);
    assert_eq!(udp, "eth0.udp.datagrams_rx 12\neth0.udp.datagrams_tx 11\neth0.udp.exhausted 0\n");
    assert_eq!(error(service, &["eth7"]), "no line begins with \"eth7\"");
}

#[test]
fn the_format_of_prometheus() {
    let text = printed(good(), &["--format", "prometheus", "--label", "service=echo"]);
    assert_eq!(text, include_str!("listing.prom"));
}

#[test]
fn a_lost_question_or_answer_is_asked_for_again() {
    let mut count = 0;
    let service = fake(move |_| {
        count += 1;
        if count < 3 { Vec::new() } else { vec![LISTING.into()] }
    });
    assert_eq!(printed(service, &["--timeout=2", "--tries=4"]), LISTING);
}

#[test]
fn a_service_that_is_silent_is_waited_for_so_long_and_no_longer() {
    let service = fake(|_| Vec::new());
    let start = Instant::now();
    let words = error(service, &["--timeout=0.5"]);
    assert!(
        words.starts_with("no reply within 500ms: is it running, with --stats-port"),
        "{words}"
    );
    assert!((Duration::from_millis(500)..LONG).contains(&start.elapsed()));
}

#[test]
fn a_port_without_a_service_is_named() {
    // Bound, and free again.
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let words = error(nobody, &["--timeout=0.3"]);
    assert_eq!(words, "connection refused: nothing answers at this port; see --stats-port");
}

#[test]
fn another_host_is_not_believed() {
    // The question goes to a socket that says nothing, and the answer comes from another.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    thread::spawn(move || {
        let (_, client) = silent.recv_from(&mut [0; 64]).unwrap();
        let forger = UdpSocket::bind("127.0.0.1:0").unwrap();
        forger.send_to(LISTING.as_bytes(), client).unwrap();
        thread::sleep(LONG);
    });
    assert!(error(address, &["--timeout=0.5"]).starts_with("no reply within "));
}

#[test]
fn a_reply_that_is_no_listing_is_shown_in_a_line() {
    for (reply, shown) in [
        (&b"out of memory: region packet: 1 page"[..], "out of memory: region packet: 1 page"),
        (b"\x1b[2J\nx\n", r"\u{1b}[2J\nx"),
        (b"\xff\0", r"\u{fffd}\0"),
        // It may have been cut within its number.
        (b"eth0.udp.datagrams_rx 1", "eth0.udp.datagrams_rx 1"),
    ] {
        let service = constant(reply);
        for args in [&[][..], &["--check"], &["--format=prometheus"]] {
            let words = error(service, args);
            let shown = shown.replace(r"\u{fffd}", "\u{fffd}");
            assert_eq!(words, format!("the reply is not a list of counters: {shown}"));
        }
    }
    assert_eq!(error(constant(""), &[]), "the reply is not a list of counters: it is empty");
    assert_eq!(error(constant(""), &["--check"]), "no line begins with \"pool \"");
    let words = error(constant(vec![b'a'; 65_507]), &[]);
    assert_eq!(words.len(), "the reply is not a list of counters: ".len() + 200);
}

#[test]
fn what_is_odd_in_a_listing_harms_nobody() {
    let text = "eth0.udp.short 1\nx\x1b[2J 1\neth0.\"udp\\.short 7\neth0.udp.short{a=\"b\"} 1 2\n# TYPE x y\neth0.udp.cut 9";
    let service = constant(text);
    let lines = printed(service, &[]);
    assert_eq!(lines, text.replace('\x1b', r"\u{1b}"));
    let prometheus = printed(service, &["--format=prometheus"]);
    let values: Vec<_> = prometheus.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        values,
        [
            r#"letregion_short_total{interface="eth0",layer="\"udp\\"} 7"#,
            r#"letregion_short_total{interface="eth0",layer="udp"} 1"#,
            "letregion_unreadable_lines 4",
            "letregion_up 1",
        ]
    );
    // The largest datagram, of lines as short as can be.
    let many = "a.b 1\n".repeat(65_507 / 6);
    assert_eq!(printed(constant(many.clone()), &[]), many);
    assert!(
        printed(constant(many), &["--format=prometheus"])
            .contains("letregion_b_total{layer=\"a\"} 1\n")
    );
}

#[test]
fn a_check_is_silent_or_one_line() {
    let service = fake(|prefix| {
        // It asks for as little as it can.
        let known = prefix == "pool ";
        known.then(|| b"pool pages 9 free 1 most used 8\n".to_vec()).into_iter().collect()
    });
    assert_eq!(printed(service, &["--check"]), "");
    assert!(error(fake(|_| Vec::new()), &["--check", "--timeout=0.2"]).starts_with("no reply"));
}

#[test]
fn a_file_is_replaced_and_says_when_the_service_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.prom");
    let output = format!("--output={}", path.display());
    assert_eq!(printed(good(), &[&output, "--label=service=echo"]), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), include_str!("listing.prom"));

    error(fake(|_| Vec::new()), &[&output, "--timeout=0.2"]);
    let down = fs::read_to_string(&path).unwrap();
    assert!(down.ends_with("# TYPE letregion_up gauge\nletregion_up 0\n"), "{down}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let words = error(good(), &["--output=/no/such/folder/x.prom"]);
    assert!(words.contains("/no/such/folder/x.prom: "), "{words}");
}

#[test]
fn arguments_that_are_wrong_are_named() {
    for (args, words) in [
        (&["--timeout=0"][..], "expected 0.01 to 3600 seconds"),
        (&["--timeout=nan"], "expected 0.01 to 3600 seconds"),
        (&["--tries=0"], "--tries"),
        (&["--label=x"], "expected NAME=VALUE"),
        (&["--label=layer=x"], "the label layer has a meaning already"),
        (&["--check", "--listen=127.0.0.1:0"], "cannot be used with"),
        (&["--listen=x"], "--listen"),
    ] {
        let output = run("127.0.0.1:9".parse().unwrap(), args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(words), "{args:?}: {error}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_letregion-stats")).arg("10.0.0.2").output();
    let error = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(error.contains("expected an address and a port: 10.0.0.2:9100"), "{error}");
}

/// The program as a server, killed in the end.
struct Server(Child, SocketAddr);

impl Server {
    fn start(service: SocketAddr) -> Self {
        let args = ["--listen=127.0.0.1:0", "--timeout=0.3", "--label=service=echo"];
        let mut child = program(service, &args).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("serving http://").unwrap().strip_suffix("/metrics\n");
        Self(child, address.unwrap().parse().unwrap())
    }

    fn ask(&self, request: &[u8]) -> String {
        let mut client = TcpStream::connect(self.1).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        client.write_all(request).unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).unwrap();
        response
    }

    fn metrics(&self) -> String {
        self.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_is_served_over_http() {
    let server = Server::start(good());
    let body = include_str!("listing.prom");
    let expected = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(server.metrics(), expected);
    assert!(server.ask(b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(server.ask(&[b'x'; 8192]).starts_with("HTTP/1.1 4"));
    assert_eq!(server.metrics(), expected);
}

#[test]
fn a_service_that_is_down_is_a_value() {
    let server = Server::start(fake(|_| Vec::new()));
    let response = server.metrics();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with("\nletregion_up{service=\"echo\"} 0\n"), "{response}");
}

#[test]
fn the_service_is_asked_once_a_second_however_many_clients_there_are() {
    let mut count = 0;
    let server = Server::start(fake(move |_| {
        count += 1;
        vec![format!("eth0.test.asked {count}\n").into_bytes()]
    }));
    let start = Instant::now();
    for _ in 0..100 {
        server.metrics();
    }
    let last = server.metrics();
    let asked = last.split("layer=\"test\",service=\"echo\"} ").nth(1).unwrap();
    let asked: u64 = asked.lines().next().unwrap().parse().unwrap();
    assert!(asked <= start.elapsed().as_secs() + 1, "{asked} times");
}

#[test]
fn clients_that_say_nothing_go_away_and_delay_others_for_seconds_at_most() {
    let server = Server::start(good());
    // As many as are served at once; one sends a byte now and then, and does not get more time by that.
    let mut mute: Vec<_> = (0..4).map(|_| TcpStream::connect(server.1).unwrap()).collect();
    let mut slow = mute[0].try_clone().unwrap();
    thread::spawn(move || {
        while slow.write_all(b"G").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
    thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    assert!(server.metrics().starts_with("HTTP/1.1 200 OK\r\n"));
    assert!((Duration::from_secs(3)..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
    for client in &mut mute[1..] {
        client.set_read_timeout(Some(LONG)).unwrap();
        assert_eq!(client.read(&mut [0; 64]).unwrap(), 0);
    }
}
