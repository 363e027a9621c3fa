//! What Linux says of a connection over which much is sent: `ss -ti`.

use std::{
    collections::BTreeSet,
    io::Write as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, tools::Tool};

use super::bed::{ADDRESS, CURL, Ended, PORT, URL, client, counters, succeed, tool, with_web};

const SS: Tool = tool("ss", "iproute2");

/// How much has to have passed before it is looked at, in bytes.
const ENOUGH: u64 = 20_000_000;
/// How long that may take.
const PASSED_WITHIN: Duration = Duration::from_secs(60);

/// What `ss` says of the only connection to the service.
struct Connection {
    text: String,
}

impl Connection {
    fn now() -> Option<Self> {
        let filter = [&*format!("dst {ADDRESS}:{PORT}")];
        let text =
            succeed(client(&SS).args(["-tinoHO", "state", "established"]).args(filter)).out();
        let mut lines = text.lines();
        let line = lines.next()?.to_owned();
        assert!(lines.next().is_none(), "there are others: {text}");
        Some(Self { text: line })
    }

    /// The words that stand alone.
    fn words(&self) -> BTreeSet<&str> {
        self.text.split_whitespace().filter(|word| !word.contains(':')).collect()
    }

    /// What stands behind a name.
    fn value(&self, name: &str) -> Option<&str> {
        let mut words = self.text.split_whitespace();
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix(':'))
    }

    fn number(&self, name: &str) -> u64 {
        self.value(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Waits until it has sent or received enough.
    fn at_work(name: &str) -> Self {
        let start = Instant::now();
        loop {
            if let Some(connection) = Self::now()
                && connection.number(name) > ENOUGH
            {
                return connection;
            }
            assert!(start.elapsed() < PASSED_WITHIN, "nothing passes");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Both sides have agreed on what both can do, and nothing is lost.
    fn assert_sound(&self) {
        let text = &self.text;
        let words = self.words();
        // RFC 7323 3, RFC 2018.
        assert!(words.contains("ts") && words.contains("sack"), "{text}");
        // Linux' scale of the peer and of its own (RFC 7323 2).
        let scales = self.value("wscale").and_then(|value| value.split_once(','));
        let (theirs, ours) = scales.unwrap_or_else(|| panic!("no window scale: {text}"));
        let is_scale =
            |scale: &str| scale.parse::<u8>().is_ok_and(|scale| (1..=14).contains(&scale));
        assert!(is_scale(theirs) && is_scale(ours), "{text}");
        // An MTU of 1500 without two headers and the option of timestamps.
        assert_eq!((self.number("mss"), self.number("pmtu")), (1448, 1500), "{text}");
        assert_eq!(self.number("advmss"), 1448, "{text}");
        // On a link that loses nothing, what is sent twice comes of a side that was not given a processor in time.
        let (sent, again) = (self.number("bytes_sent"), self.number("bytes_retrans"));
        assert!(again * 100 <= sent, "{text}");
        let (segments, disordered) = (self.number("data_segs_in"), self.number("rcv_ooopack"));
        assert!(disordered * 100 <= segments, "{text}");
    }
}

/// The service has found nothing wrong with what came.
fn assert_nothing_wrong(lab: &Lab) {
    let counters = counters(lab, "eth0.tcp.");
    for name in ["bad_checksum", "bad_offset", "short", "not_sent", "resets_tx", "no_room"] {
        assert_eq!(counters[&format!("eth0.tcp.{name}")], 0, "{counters:?}");
    }
}

fn download(args: &[&str]) {
    with_web(&[CURL, SS], args, |lab| {
        let mut command = client(&CURL);
        command.args(["-sS", "-o", "/dev/null", &format!("{URL}/bytes/1000000000000")]);
        let ended = Ended(command.spawn().expect("curl is there"));
        let connection = Connection::at_work("bytes_received");
        println!("{}", connection.text);
        connection.assert_sound();
        assert_nothing_wrong(lab);
        drop(ended);
    });
}

fn upload(args: &[&str]) {
    with_web(&[CURL, SS], args, |lab| {
        let mut command = client(&CURL);
        command.args(["-sS", "-X", "POST", "-T", "-", &format!("{URL}/sum")]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("curl is there");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        let ended = Ended(child);
        thread::spawn(move || while stdin.write_all(&[7; 1 << 16]).is_ok() {});
        let connection = Connection::at_work("bytes_acked");
        println!("{}", connection.text);
        connection.assert_sound();
        assert_nothing_wrong(lab);
        drop(ended);
    });
}

pub(crate) fn what_linux_says_of_a_connection_that_sends() {
    upload(&[]);
}

pub(crate) fn what_linux_says_of_one_that_receives() {
    download(&[]);
}

pub(crate) fn what_linux_says_with_offloads() {
    download(&["--offloads=on"]);
    upload(&["--offloads=on"]);
}
