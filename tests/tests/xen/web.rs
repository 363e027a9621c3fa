//! The service web as a guest of 4 MiB, with its page: asked on TCP by the Linux of dom0, and, through a port of this machine,
//! by a browser.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use lab::{
    cargo, image,
    tools::{CHROMIUM, remedy},
    xen::{Ended, HostPort, Machine, Settings, Vif},
};
use serde_json::Value;

use super::support::{GUEST, PORT, requests, serving};
use crate::chromium::{Chromium, Look};

/// The memory of the guest in MiB.
const MEMORY: u32 = 4;
/// The port of the page.
const PAGE_PORT: u16 = 9090;
/// How many connections are open at a time.
const CONNECTIONS: usize = 100;
/// How many pages the tables of connections take once they were that many.
const MOST_KEPT: u64 = 16;
/// How long a conversation may take, and memory until it is back: everything is emulated.
const TALK_WITHIN: Duration = Duration::from_secs(120);
const FREE_WITHIN: Duration = Duration::from_secs(60);

/// The requests of one connection, each sent when the reply to the one before should be there.
const KEPT: [&str; 6] = [
    "GET / HTTP/1.1\r\nHost: guest\r\n\r\n",
    "GET /fib/2000 HTTP/1.1\r\nHost: guest\r\n\r\n",
    "POST /sort HTTP/1.1\r\nHost: guest\r\nContent-Length: 19\r\n\r\n[3, -1.5, 2e6, 0.1]",
    "GET /style.css HTTP/1.1\r\nHost: guest\r\nRange: bytes=3-12\r\n\r\n",
    "GET /nowhere HTTP/1.1\r\nHost: guest\r\n\r\n",
    "GET /hello HTTP/1.1\r\nHost: guest\r\n\r\n",
];

/// Status, head and body.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    /// The first of the replies in `bytes`, and the rest of them. One without a length goes to the end.
    fn take(bytes: &[u8]) -> (Self, &[u8]) {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let (head, rest) = (String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 4..]);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {head}"));
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.map_or(rest.len(), |length| length.parse().expect("it is a length"));
        assert!(rest.len() >= length, "{} bytes of a body, {length} were announced", rest.len());
        let (body, rest) = rest.split_at(length);
        (Self { status, head, body: body.to_vec() }, rest)
    }
}

/// Two ports of 127.0.0.1 that nobody has.
fn free_ports() -> [u16; 2] {
    let held = [0, 1].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("it has one").port())
}

/// What a client on this machine gets, on a connection of its own that ends with the reply.
fn fetch(port: u16, path: &str) -> Reply {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("QEMU listens");
    stream.set_read_timeout(Some(TALK_WITHIN)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: guest\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
    Reply::take(&bytes).0
}

/// The state that the page shows.
fn state(port: u16) -> Value {
    let reply = fetch(port, "/state.json");
    assert_eq!(reply.status, 200, "{}", reply.head);
    assert!(reply.head.contains("application/json"), "{}", reply.head);
    serde_json::from_slice(&reply.body).expect("it is JSON")
}

/// How many pages the guest has free, asked over UDP.
fn free_pages(machine: &Machine) -> u64 {
    let (_, text) = machine.ask(&requests(9100, 1, 1), b"pool", None).expect("dom0 asks");
    let text = String::from_utf8_lossy(&text);
    let mut words = text.split_whitespace().skip_while(|word| *word != "free");
    let free = words.nth(1).and_then(|word| word.parse().ok());
    free.unwrap_or_else(|| panic!("no free pages in {text:?}"))
}

/// Waits until so many pages are free again.
fn wait_for_pages(machine: &Machine, wanted: u64, after: &str) {
    let end = Instant::now() + FREE_WITHIN;
    loop {
        let free = free_pages(machine);
        if free >= wanted {
            println!("{after}: {free} pages are free, {wanted} were");
            return;
        }
        assert!(Instant::now() < end, "{after}: {free} pages are free, {wanted} were");
        thread::sleep(Duration::from_millis(500));
    }
}

/// How many pages are free when no connection is left but that of the question.
fn settled(machine: &Machine, page: u16) -> u64 {
    let end = Instant::now() + FREE_WITHIN;
    loop {
        let total = state(page)["connections"]["total"].as_u64().expect("a number");
        if total <= 1 {
            // That one goes too.
            thread::sleep(Duration::from_secs(2));
            return free_pages(machine);
        }
        assert!(Instant::now() < end, "{total} connections are left");
        thread::sleep(Duration::from_millis(500));
    }
}

pub(crate) fn its_site_and_its_page_in_4_mib() {
    let image = cargo::build_xen(&["web"], &[]).expect("web builds").remove("web").unwrap();
    let stripped = image::stripped(&image).expect("it can be stripped");
    let [site, page] = free_ports();
    let ports = [(site, PORT), (page, PAGE_PORT)]
        .map(|(host, port)| HostPort { host, guest: SocketAddrV4::new(GUEST, port) });
    let machine = Machine::boot_with(&ports, 1, |progress| eprintln!("{progress}"))
        .unwrap_or_else(|error| panic!("{error:#}"));
    let settings = Settings {
        name: "web",
        kernel: &stripped,
        ramdisk: None,
        command_line: "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 --stats-port=9100 --page-port=9090",
        memory: MEMORY,
        vif: Some(Vif::default()),
        restart: false,
        more: "",
    };
    let domain = serving(&machine, &settings);
    for line in domain.console().lines() {
        println!("{line}");
    }

    // What the first connections take once.
    kept_open(&machine);
    shows_itself(page);
    thread::sleep(Duration::from_secs(3));
    let before = free_pages(&machine);
    kept_open(&machine);
    wait_for_pages(&machine, before, "six requests of one connection");
    // Tables grow with the first hundred, and keep a few pages. The second hundred gives all of them back.
    many_at_once(site, page);
    wait_for_pages(&machine, before - MOST_KEPT, "a hundred connections");
    let before = settled(&machine, page);
    many_at_once(site, page);
    wait_for_pages(&machine, before, "another hundred connections");
    if CHROMIUM.is_installed() {
        in_a_browser(site, page).unwrap_or_else(|error| panic!("{error:#}"));
        wait_for_pages(&machine, before, "a browser");
    } else {
        eprintln!("not looked at in a browser: {}", remedy(&[CHROMIUM]));
    }
    let state = state(page);
    for (counter, value) in state["counters"]
        .as_object()
        .expect("an object")
        .values()
        .flat_map(|layer| layer.as_object().expect("an object").iter())
    {
        if ["backend_violations", "exhausted", "tx_refused"].contains(&&**counter) {
            assert_eq!(*value, 0, "{counter}");
        }
    }
    assert_eq!(domain.shutdown().unwrap(), Ended::Poweroff);
    assert_eq!(machine.leftovers().unwrap(), [""; 0]);
}

/// One connection from dom0, whose requests come one after the other.
fn kept_open(machine: &Machine) {
    let mut script = "{ ".to_owned();
    for (at, request) in KEPT.iter().enumerate() {
        machine.write(&format!("/tmp/kept-{at}"), *request).expect("it goes over");
        script.push_str(&format!("cat /tmp/kept-{at}; usleep 400000; "));
    }
    script.push_str("} | nc 10.0.0.2 8080 >/tmp/kept");
    let ran = machine.run_within("sh", &["-c", &script], TALK_WITHIN).expect("dom0 runs it");
    assert_eq!(ran.stderr, "", "{ran:?}");
    let bytes = machine.read("/tmp/kept").expect("it comes back");
    let mut rest = &*bytes;
    let replies = KEPT.map(|_| {
        let (reply, left) = Reply::take(rest);
        rest = left;
        reply
    });
    assert!(rest.is_empty(), "{} bytes more", rest.len());
    let file = |name: &str| {
        fs::read(cargo::root().join("apps/web/site").join(name)).expect("a file of the site")
    };
    let [index, fibonacci, sorted, range, nowhere, hello] = &replies;
    assert_eq!((index.status, &index.body), (200, &file("index.html")));
    let text = String::from_utf8_lossy(&fibonacci.body);
    // F(2000) has 418 digits.
    assert!(text.starts_with(r#"{"n": 2000, "fibonacci": "42246963333923048787067256023414827"#));
    assert_eq!(
        (fibonacci.status, text.trim_end().len()),
        (200, 418 + r#"{"n": 2000, "fibonacci": ""}"#.len())
    );
    assert_eq!((sorted.status, sorted.body.trim_ascii_end()), (200, &b"[-1.5,0.1,3,2e6]"[..]));
    assert_eq!((range.status, &*range.body), (206, &file("style.css")[3..13]));
    assert_eq!(nowhere.status, 404);
    assert_eq!((hello.status, &*hello.body), (200, &b"hello, world\n"[..]));
}

/// The page, its numbers and its metrics.
fn shows_itself(port: u16) {
    let reply = fetch(port, "/");
    assert_eq!((reply.status, &*reply.body), (200, page::PAGE.as_bytes()));
    let metrics = fetch(port, "/metrics");
    let text = String::from_utf8(metrics.body).expect("it is text");
    let mut samples = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(name.starts_with("letregion_") && value.parse::<f64>().is_ok(), "{line}");
        samples += 1;
    }
    assert!(samples > 100 && text.ends_with("letregion_up 1\n"), "{samples} samples: {text}");
    let state = state(port);
    assert_eq!((&state["name"], &state["platform"]), (&"web".into(), &"guest of Xen".into()));
    let serving = state["serving"].as_str().unwrap_or_default();
    assert!(serving.contains("tcp 8080 9090"), "{serving}");
    assert_eq!(fetch(port, "/nowhere").status, 404);
}

/// Connections that are open at the same time, each with a request and its reply.
fn many_at_once(site: u16, page: u16) {
    let connect = |number: usize| {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, site)).expect("QEMU listens");
        stream.set_read_timeout(Some(TALK_WITHIN)).unwrap();
        (number, stream)
    };
    let mut streams: Vec<_> = (0..CONNECTIONS).map(connect).collect();
    for (_, stream) in &mut streams {
        stream.write_all(KEPT[5].as_bytes()).expect("it goes out");
    }
    for (number, stream) in &mut streams {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"hello, world\n") {
            let mut room = [0; 512];
            let length = stream.read(&mut room).unwrap_or_else(|e| panic!("number {number}: {e}"));
            assert_ne!(
                length,
                0,
                "number {number} ends after {:?}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.extend_from_slice(&room[..length]);
        }
    }
    // Those of the page are among them.
    let total = state(page)["connections"]["total"].as_u64().expect("a number");
    println!("{total} connections are open");
    assert!(total >= CONNECTIONS as u64, "{total} connections are open");
}

/// The site and the page as people see them.
fn in_a_browser(site: u16, page: u16) -> anyhow::Result<()> {
    let url = format!("http://127.0.0.1:{site}/");
    let mut browser = Chromium::open(&url, Look::LIGHT)?;
    browser.wait_for(
        "document.readyState === 'complete' && document.body.innerText.includes('unikernel')",
    )?;
    browser.picture("xen-site")?;
    let (problems, _) = browser.take_notes()?;
    anyhow::ensure!(problems.is_empty(), "{problems:#?}");
    drop(browser);

    let url = format!("http://127.0.0.1:{page}/");
    for (look, name) in
        [(Look::LIGHT, "xen-light"), (Look::DARK, "xen-dark"), (Look::PHONE, "xen-phone")]
    {
        let mut browser = Chromium::open(&url, look)?;
        browser.wait_for(
            "typeof before === 'object' && before.now < state.now && history.length >= 10",
        )?;
        for expression in [
            "document.getElementById('name').textContent === 'web'",
            "document.getElementById('platform').textContent === 'guest of Xen'",
            "document.getElementById('live').textContent === 'live'",
            "document.querySelectorAll('#regions tbody tr').length === state.regions.length",
            "[...document.querySelectorAll('#tower summary b')].map(layer => layer.textContent).reverse().join() \
             === Object.keys(state.counters).join()",
            "document.querySelectorAll('#connections tbody tr').length >= 1",
        ] {
            browser.wait_for(expression)?;
        }
        browser.picture(name)?;
        let (problems, requests) = browser.take_notes()?;
        anyhow::ensure!(problems.is_empty(), "{name}: {problems:#?}");
        let of_others: Vec<_> = requests
            .iter()
            .filter(|request| !request.starts_with(&url) && !request.starts_with("data:"))
            .collect();
        anyhow::ensure!(of_others.is_empty(), "{name}: it has asked for {of_others:?}");
    }
    Ok(())
}
