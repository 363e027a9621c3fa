//! The services on TCP: web with its site and its page, and iperf3 with its client.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use lab::{Lab, cargo, debian::Program, tools::Tool};
use serde_json::Value;

use super::support::{COUNTERS, PORT, counter, output, with_service};

/// The port of the page.
const PAGE_PORT: u16 = 9090;
/// How long a reply may take on a machine with other work.
const WITHIN: Duration = Duration::from_secs(60);
/// How long a body is that is fetched, and how much iperf3 sends: no multiple of anything.
const BYTES: usize = 3_000_001;
const IPERF3: Tool = Tool { name: "iperf3", package: "iperf3" };

/// A body, from a connection of its own; the status has to be 200.
pub(crate) fn fetch(address: Ipv4Addr, port: u16, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect((address, port)).expect("the service listens");
    stream.set_read_timeout(Some(WITHIN)).expect("it takes a limit");
    stream.write_all(request).expect("it goes out");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the reply comes");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("there is a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    bytes.split_off(end + 4)
}

fn get(lab: &Lab, port: u16, path: &str) -> Vec<u8> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: guest\r\n\r\n");
    fetch(lab.network().service, port, request.as_bytes())
}

pub(crate) fn its_site_and_its_page() {
    let args = [format!("--stats-port={COUNTERS}"), format!("--page-port={PAGE_PORT}")];
    let site = cargo::root().join("apps/web/site");
    with_service("web", &args.each_ref().map(String::as_str), |lab, service| {
        for file in ["index.html", "style.css"] {
            let content = fs::read(site.join(file)).expect("it is there");
            assert!(get(lab, PORT, &format!("/{file}")) == content, "{file} is another");
        }
        let bytes: Vec<u8> = (0..BYTES).map(|at| at as u8).collect();
        assert!(get(lab, PORT, &format!("/bytes/{BYTES}")) == bytes, "/bytes is another");
        let head = format!("POST /sink HTTP/1.0\r\nHost: guest\r\nContent-Length: {BYTES}\r\n\r\n");
        let request = [head.as_bytes(), &bytes].concat();
        let took = fetch(lab.network().service, PORT, &request);
        assert_eq!(String::from_utf8_lossy(&took), format!("{BYTES}\n"));

        assert!(get(lab, PAGE_PORT, "/") == page::PAGE.as_bytes(), "the page is another");
        let state: Value =
            serde_json::from_slice(&get(lab, PAGE_PORT, "/state.json")).expect("it is JSON");
        let (name, platform) = (&state["name"], &state["platform"]);
        assert_eq!((name, platform), (&"web".into(), &"guest of KVM".into()));
        assert_eq!(counter(lab, "eth0.virtio.device_violations"), 0);
        let lines = service.lines();
        println!("{}", lines.iter().find(|line| line.starts_with("memory ")).expect("it says it"));
    });
}

pub(crate) fn iperf3_measures_both_ways() {
    // No package can be fetched from inside.
    let program = Program::find(&IPERF3, &mut |words| eprintln!("{words}"))
        .unwrap_or_else(|error| panic!("{error:#}"));
    with_service("iperf3", &[], |lab, _| {
        for way in [&[][..], &["--reverse"]] {
            let mut command = lab.client(program.path());
            command.envs(program.environment()).args(["--json", "--client"]);
            command.arg(lab.network().service.to_string());
            command.args(["--bytes", &BYTES.to_string()]).args(way);
            let output = output(command);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{}: {said}", output.status);
            let found: Value = serde_json::from_str(&said).expect("it is JSON");
            let [sent, received] =
                ["sum_sent", "sum_received"].map(|part| found["end"][part]["bytes"].as_u64());
            assert!(sent == received && sent >= Some(BYTES as u64), "{sent:?} {received:?}");
            println!("{way:?}: {} bit/s", found["end"]["sum_received"]["bits_per_second"]);
        }
    });
}
