//! `cargo letregion run`, as it is typed.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, UdpSocket},
    path::PathBuf,
    process::Output,
    time::Duration,
};

use testkit::Random;

use crate::{
    running::spawn,
    typed::{assert_fails, letregion},
};

pub(crate) fn replies_alone_on_standard_output() {
    let Output { status, stdout, stderr } = letregion(&["run", "echo", "--request", "2 7 1 8"], "");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(String::from_utf8_lossy(&stdout), "2 7 1 8");
    assert!(String::from_utf8_lossy(&stderr).contains("serving"));

    for length in [0, 65_507] {
        let request = Random::new(7).bytes(length);
        let file = File::new(length, &request);
        let output = letregion(&["run", "echo", "--on", "unix", "--request-file", file.path()], "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == request, "{length} bytes came back changed");
    }

    // Arguments of one's own count, and the network follows them.
    let address = "--ipv4=172.20.0.1/16";
    let args = ["run", "facfib", "--port", "8081", "--request", "10", "--", address];
    let output = letregion(&args, "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "55", "{output:?}");
}

pub(crate) fn features_are_those_of_the_service() {
    let args = ["run", "echo", "--features", "ipv6", "--request", "x", "--", "--ipv6=fd00::2/64"];
    let Output { status, stdout, stderr } = letregion(&args, "");
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success() && said.contains(" at fd00::2/64 at 10.0.0.2/24 "), "{said}");
    assert_eq!(stdout, b"x");
    let unknown = ["run", "echo", "--features", "ipv6,ipv7", "--request", "x"];
    assert_fails(&unknown, 1, "echo has no feature ipv7");
}

pub(crate) fn says_why_there_is_no_reply() {
    assert_fails(&["run", "echo", "--port", "9", "--request", "x"], 1, "connection refused");
    let args = ["run", "echo", "--request", "x", "--", "--ipv4=10.0.0.0/24"];
    assert_fails(&args, 1, "--ipv4=10.0.0.0/24");
}

pub(crate) fn refuses_what_cannot_be_sent() {
    let file = File::new(65_508, &Random::new(1).bytes(65_508));
    assert_fails(&["run", "echo", "--request-file", file.path()], 1, "65507");
    assert_fails(&["run", "echo", "--request-file", "/no/such/file"], 1, "/no/such/file");
    let both = ["run", "echo", "--request", "x", "--request-file", file.path()];
    assert_fails(&both, 2, "--request-file");
    assert_fails(&["run", "echo", "--port", "0", "--request", "x"], 2, "--port");
}

pub(crate) fn names_the_services() {
    let args = ["run", "no-such-service", "--request", "x"];
    assert_fails(&args, 1, "echo, facfib, iperf3, kv, monte-carlo, sort");
    assert_fails(&["run", "sotr", "--request", "x"], 1, "did you mean sort?");
    assert_fails(&["run", "--request", "x"], 1, "say which service");
}

pub(crate) fn shows_counters_when_asked() {
    let said = |args: &[&str]| {
        let Output { status, stdout, stderr } = letregion(args, "");
        let said = String::from_utf8_lossy(&stderr).into_owned();
        assert!(status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&stdout), "x", "{said}");
        said
    };
    let counter = "udp.datagrams_rx 1";
    let without = said(&["run", "echo", "--request", "x"]);
    assert!(!without.contains(counter), "{without}");
    let with = said(&["run", "echo", "--request", "x", "--counters"]);
    assert!(with.contains(counter), "{with}");
}

/// A program of this machine, in its own network, reaches the service through a port of 127.0.0.1.
pub(crate) fn forwards_ports_of_this_machine() {
    let client = local_socket();
    let taken = local_socket();
    let port_of = |socket: &UdpSocket| socket.local_addr().expect("it is bound").port();
    let here = port_of(&taken);
    let forward = format!("{here}:8080");
    // Held by somebody else, and then free.
    assert_fails(&["run", "echo", "-p", &forward, "--request", "x"], 1, "-p OTHER:8080");
    drop(taken);
    assert_fails(&["run", "echo", "-p", "0", "--request", "x"], 2, "no port");

    let mut running = spawn(&["run", "echo", "-p", &forward]);
    let said = BufReader::new(running.stderr.take().expect("it is a pipe"));
    let mut lines = said.lines().map(|line| line.expect("it says text"));
    let way = format!("nc -u 127.0.0.1 {here}");
    assert!(lines.any(|line| line.contains(&way)), "{way} is not said");
    for request in [&b"hello"[..], &[7; 60_000]] {
        client.send_to(request, (Ipv4Addr::LOCALHOST, here)).expect("it is open");
        let mut reply = vec![0; 65_507];
        let length = client.recv(&mut reply).expect("there is a reply");
        assert!(reply[..length] == *request, "{length} bytes came back changed");
    }
    // The end of its input ends it.
    drop(running.stdin.take());
    let rest: Vec<_> = lines.collect();
    assert!(running.wait().expect("it ends").success(), "{rest:#?}");
}

fn local_socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("it takes a limit");
    socket
}

pub(crate) fn serves_its_input_line_by_line() {
    let output = letregion(&["run", "sort"], "3 1 2\n9 8\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 2 3\n8 9\n");
    assert!(said.contains("nsenter"), "{said}");
}

/// A file that is there for the length of a test.
struct File(PathBuf);

impl File {
    fn new(number: usize, content: &[u8]) -> Self {
        let name = format!("request-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).expect("the file can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // What cannot be removed now is removed with the other temporary files.
        let _ = fs::remove_file(&self.0);
    }
}
