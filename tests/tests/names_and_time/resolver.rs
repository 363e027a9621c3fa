//! A service that resolves names by unbound: what there is, what there is not, what is long, and what happens without it.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, Network, Service};
use tempfile::TempDir;

use super::{
    forger::Forger,
    page::get,
    services::{ip, names, start},
};
use crate::{
    tool,
    unbound::{UNBOUND, Unbound},
};

/// Where unbound serves.
const SERVER: &str = "10.0.0.1@53";

/// How many addresses the names have that are too long for 512 bytes, and for a datagram.
const SOME: u8 = 40;
const MANY: u8 = 200;

const GONE: &str = "the name does not exist\n";
const EMPTY: &str = "the name has no address\n";

/// The zone `example.`, which unbound has itself. That something does not exist may be kept for 3 seconds.
fn zone(address: &str) -> String {
    let mut text = format!(
        "$ORIGIN example.\n@ 60 IN SOA ns host 1 60 60 60 3\n@ 60 IN NS ns\nns 60 IN A 10.0.0.1\n\
         www 60 IN A {address}\nwww 60 IN AAAA 2001:db8::7\nsix 60 IN AAAA 2001:db8::8\ntext 60 IN TXT \"none\"\n\
         short 1 IN A {address}\nalias0 60 IN A 192.0.2.9\nlost 60 IN CNAME nobody\n"
    );
    for number in 1..10 {
        writeln!(text, "alias{number} 60 IN CNAME alias{}", number - 1).expect("it is a text");
    }
    for (name, count) in [("some", SOME), ("many", MANY)] {
        for number in 0..count {
            writeln!(text, "{name} 60 IN A 192.0.2.{number}").expect("it is a text");
        }
    }
    text
}

/// unbound with its zone.
struct Server {
    unbound: Unbound,
    _folder: TempDir,
}

impl Server {
    /// With this address of `www`, and these further lines in the section `server`.
    fn start(interface: &str, address: &str, options: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("zone");
        fs::write(&file, zone(address)).expect("a file can be written");
        let section = format!(
            "auth-zone:\n name: \"example.\"\n zonefile: \"{}\"\n for-downstream: no\n for-upstream: yes\n \
             fallback-enabled: no\n",
            file.display()
        );
        let options = format!("log-queries: yes\n do-ip6: no\n {options}");
        Self { unbound: Unbound::start(interface, &options, &section), _folder: folder }
    }

    /// How often it was asked for this name, for either family.
    fn asked(&self, name: &str) -> usize {
        // What it has said is read a little later.
        thread::sleep(Duration::from_millis(300));
        self.unbound.count(&format!("info: 10.0.0.2 {name}. A"))
    }
}

/// Calls `test` in a network of its own with the program that resolves names.
fn in_lab(test: impl FnOnce(&Lab, &Path) + Send) {
    let names = names();
    tool::find(&UNBOUND);
    lab::in_namespace(Network::default(), |lab| test(lab, &names))
        .unwrap_or_else(|error| panic!("{error:#}"));
}

/// What the service says of a name.
fn resolve(lab: &Lab, name: &str) -> String {
    get(lab.network().service, 80, &format!("/?name={name}")).0
}

fn stop(service: Service<'_>) {
    let (status, lines) = service.stop().expect("it ends");
    assert!(status.success(), "{status}: {lines:#?}");
}

/// Both families, aliases of aliases, and what there is not.
pub(crate) fn what_unbound_says_is_found() {
    in_lab(|lab, names| {
        let server = Server::start(SERVER, "192.0.2.7", "");
        let service = start(lab, names, &["--dns=10.0.0.1"]);
        for (name, expected) in [
            ("www.example", "2001:db8::7 192.0.2.7\n"),
            ("WWW.Example.", "2001:db8::7 192.0.2.7\n"),
            ("six.example", "2001:db8::8\n"),
            ("alias1.example", "192.0.2.9\n"),
            ("alias8.example", "192.0.2.9\n"),
            ("alias9.example", "the name has more than 8 aliases\n"),
            ("nobody.example", GONE),
            ("lost.example", GONE),
            ("text.example", EMPTY),
        ] {
            assert_eq!(resolve(lab, name), expected, "{name}");
        }
        // For each family once: what an alias leads to came with it, and the name in capitals was known.
        for name in ["www.example", "alias8.example", "nobody.example"] {
            assert_eq!(server.asked(name), 2, "{name}");
        }
        stop(service);
    });
}

/// RFC 2308: that there is no name, and that it has no address, is kept for as long as the zone says, and no longer.
pub(crate) fn what_is_not_there_is_kept_as_long_as_the_zone_says() {
    in_lab(|lab, names| {
        let server = Server::start(SERVER, "192.0.2.7", "");
        let service = start(lab, names, &["--dns=10.0.0.1"]);
        for (name, expected) in [("nobody.example", GONE), ("text.example", EMPTY)] {
            for _ in 0..5 {
                assert_eq!(resolve(lab, name), expected);
            }
            assert_eq!(server.asked(name), 2, "{name}");
            thread::sleep(Duration::from_millis(3500));
            assert_eq!(resolve(lab, name), expected);
            assert_eq!(server.asked(name), 4, "{name}");
        }
        stop(service);
    });
}

/// An answer of more than 512 bytes comes in a datagram (RFC 6891), and one of more than 1,232 by TCP (RFC 7766).
pub(crate) fn long_answers_come_by_edns_and_by_tcp() {
    in_lab(|lab, names| {
        let service = start(lab, names, &["--dns=10.0.0.1"]);
        let count = |name: &str| {
            let text = resolve(lab, name);
            let addresses: Vec<_> = text.split_whitespace().collect();
            addresses.iter().filter(|address| address.starts_with("192.0.2.")).count()
        };
        let server = Server::start(SERVER, "192.0.2.7", "");
        // As many as are kept.
        assert_eq!((count("some.example"), count("many.example")), (16, 16));
        drop(server);
        stop(service);
        // Without TCP, so it is seen which answer came by it.
        let service = start(lab, names, &["--dns=10.0.0.1"]);
        let _server = Server::start(SERVER, "192.0.2.7", "do-tcp: no");
        assert_eq!(count("some.example"), 16);
        let error = "the answer of 10.0.0.1:53 is too long for UDP and does not come by TCP\n";
        assert_eq!(resolve(lab, "many.example"), error);
        stop(service);
    });
}

/// RFC 8767: addresses whose time is over are used while the server is gone; then it is asked again.
pub(crate) fn old_addresses_are_used_while_the_server_is_gone() {
    in_lab(|lab, names| {
        let server = Server::start(SERVER, "192.0.2.7", "");
        let service = start(lab, names, &["--dns=10.0.0.1"]);
        assert_eq!(resolve(lab, "short.example"), "192.0.2.7\n");
        drop(server);
        thread::sleep(Duration::from_millis(1500));
        for _ in 0..3 {
            let begin = Instant::now();
            assert_eq!(resolve(lab, "short.example"), "192.0.2.7\n");
            assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        }
        // There is nothing that is known of others.
        assert_eq!(resolve(lab, "www.example"), "there is no server of names at 10.0.0.1:53\n");
        let _server = Server::start(SERVER, "192.0.2.70", "");
        let end = Instant::now() + Duration::from_secs(40);
        while resolve(lab, "short.example") != "192.0.2.70\n" {
            assert!(Instant::now() < end, "it is not asked again");
            thread::sleep(Duration::from_millis(500));
        }
        stop(service);
    });
}

/// A server that refuses is left for the next one at once; if there is no other, the client is told.
pub(crate) fn a_server_that_refuses_is_left() {
    in_lab(|lab, names| {
        ip("address add 10.0.0.3/32 dev lo");
        let refusing =
            Server::start("10.0.0.3@53", "192.0.2.7", "access-control: 10.0.0.2/32 refuse");
        let service = start(lab, names, &["--dns=10.0.0.3"]);
        let error = "the server of names 10.0.0.3:53 answers REFUSED\n";
        assert_eq!(resolve(lab, "www.example"), error);
        stop(service);
        let _other = Server::start(SERVER, "192.0.2.7", "");
        let service = start(lab, names, &["--dns=10.0.0.3,10.0.0.1"]);
        let begin = Instant::now();
        assert_eq!(resolve(lab, "www.example"), "2001:db8::7 192.0.2.7\n");
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        drop(refusing);
        stop(service);
    });
}

/// Who does not see the question has to guess its number and its port (RFC 5452): none of many thousand guesses is believed, and the
/// answer of the server is.
pub(crate) fn guesses_are_not_believed() {
    in_lab(|lab, names| {
        let server = Server::start(SERVER, "192.0.2.7", "");
        let service = start(lab, names, &["--dns=10.0.0.1"]);
        // The service knows the server's hardware address, and has room for what comes.
        assert_eq!(resolve(lab, "six.example"), "2001:db8::8\n");
        server.unbound.pause();
        let (asked, sent) = thread::scope(|scope| {
            let address = lab.network().service;
            let asked = scope.spawn(move || get(address, 80, "/?name=www.example").0);
            let forger = Forger::open(address);
            let begin = Instant::now();
            let mut sent = 0;
            let mut is_paused = true;
            while !asked.is_finished() {
                sent += forger.flood("www.example");
                if is_paused && begin.elapsed() > Duration::from_millis(1500) {
                    server.unbound.resume();
                    is_paused = false;
                }
            }
            (asked.join().expect("it is answered"), sent)
        });
        println!("{sent} guesses were sent, none was believed");
        assert_eq!(asked, "2001:db8::7 192.0.2.7\n");
        assert!(sent > 10_000, "{sent}");
        // It is also what is kept.
        assert_eq!(resolve(lab, "www.example"), "2001:db8::7 192.0.2.7\n");
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        let counted =
            lines.iter().find_map(|line| line.strip_prefix("eth0.udp.no_service ")?.parse().ok());
        let arrived: usize = counted.unwrap_or(0);
        assert!(arrived > sent / 2, "{arrived} of {sent} came to closed ports");
    });
}
