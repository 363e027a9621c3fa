//! A page that a service loads by name, over whichever family answers first (RFC 8305).

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use lab::{Network, Service};

use super::peers::{ARGUMENT, HOST, SERVICE, ip};
use crate::{
    dhcp::dnsmasq::{self, Dnsmasq},
    example::example,
    http::get,
};

const HOST_IPV4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// The example of `letregion`, a service that loads pages by name.
fn fetch() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| example("fetch", "dhcp,dns,http,ipv6")).clone()
}

/// A server of pages on Linux, at this address, that says this. It ends with the namespace.
fn serve(address: SocketAddr, words: &'static str) {
    let listener = TcpListener::bind(address).expect("the address is Linux' own");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let length = words.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{words}");
        }
    });
}

/// What the service answers, and after how long.
fn page(from: SocketAddr, name: &str) -> (String, Duration) {
    let begin = Instant::now();
    let (_, body) = get(from, &format!("/?name={name}"));
    (body, begin.elapsed())
}

pub(crate) fn a_page_is_loaded_by_name_over_the_family_that_answers() {
    let (fetch, _) = (fetch(), dnsmasq::fetch());
    lab::in_namespace(Network::default(), |lab| {
        ip(&format!("-6 address add {HOST}/64 dev tap0 nodad"));
        let records = [
            &format!("--host-record=both.test,{HOST_IPV4},{HOST}"),
            "--host-record=six.test,2001:db8::1",
            "--host-record=four.test,10.0.0.1",
            // At these addresses of IPv6 nobody is: one refuses, and one is silent.
            "--host-record=refused.test,10.0.0.1,2001:db8::8",
            "--host-record=silent.test,10.0.0.1,2001:db8::9",
            "--host-record=nobody-there.test,2001:db8::a",
        ];
        let _dnsmasq = Dnsmasq::with_names(lab, &dnsmasq::fetch(), 53, &records);
        ip("-6 address add 2001:db8::8/128 dev lo");
        serve((HOST_IPV4, 80).into(), "four");
        serve((HOST, 80).into(), "six");
        let service = Service::start(lab, &fetch, ["--dns=10.0.0.1", ARGUMENT], |_| ());
        let service = service.unwrap_or_else(|error| panic!("{error:#}"));
        let ours: [SocketAddr; 2] = [(SERVICE, 80).into(), (lab.network().service, 80).into()];
        for ours in ours {
            for (name, expected) in [
                ("both.test", "six"),
                ("six.test", "six"),
                ("four.test", "four"),
                ("refused.test", "four"),
                ("silent.test", "four"),
            ] {
                let (body, after) = page(ours, name);
                assert_eq!(body, expected, "{name} from {ours}");
                assert!(after < Duration::from_secs(3), "{name}: {after:?}");
            }
        }
        // RFC 4861 7.2.2: a host that does not answer on the link is given up after three questions, a second apart.
        let (error, after) = page(ours[0], "nobody-there.test");
        println!("{error:?} after {after:?}");
        assert!(error.contains("host unreachable: it does not answer on the link"), "{error}");
        assert!(after > Duration::from_millis(2500) && after < Duration::from_secs(6), "{after:?}");
        let (error, _) = page(ours[0], "nobody.test");
        assert_eq!(error, "the server of names 10.0.0.1:53 answers REFUSED\n");
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}
