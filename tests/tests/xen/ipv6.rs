//! Guests with IPv6, asked by the Linux of dom0, which is also their router.

use std::{
    fs,
    net::{IpAddr, Ipv6Addr},
};

use lab::{
    cargo::{self, Build, Platform, Profile},
    debian::Program,
    tools::Tool,
    xen::{Domain, Machine, Settings, Trouble, Vif},
};
use testkit::Random;

use super::support::{GUEST, PORT, machine, requests_to, with_guest};

/// Where the guest is. dom0 is `fd00::1`.
const ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
/// The prefix that the router says.
const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0);
/// Where the router's program and its libraries are, in dom0.
const ROUTER: &str = "/tmp/router";
const RADVD: Tool = Tool { name: "radvd", package: "radvd" };

/// The image of a service with these features.
fn image(app: &str, features: &[&str]) -> Vec<u8> {
    let build = Build { features, ..Build::new(Platform::Xen, Profile::Guest) };
    let images = cargo::build_each(&[app], &build).expect("it builds");
    fs::read(&images[app]).expect("the image can be read")
}

/// Calls `test` with a guest of so many MiB that serves at both addresses.
fn with_service(app: &str, memory: u32, ipv6: &str, test: impl FnOnce(&Machine, &Domain<'_>)) {
    let command_line = format!("--ipv4=10.0.0.2/24 --ipv6={ipv6}");
    with_addresses(app, &["ipv6"], memory, &command_line, test);
}

/// Calls `test` with a guest of so many MiB that has these features, and is told this.
fn with_addresses(
    app: &str,
    features: &[&str],
    memory: u32,
    command_line: &str,
    test: impl FnOnce(&Machine, &Domain<'_>),
) {
    let kernel = image(app, features);
    let settings = Settings {
        name: app,
        kernel: &kernel,
        ramdisk: None,
        command_line,
        memory,
        vif: Some(Vif::default()),
        restart: true,
        more: "",
    };
    with_guest(&settings, test);
}

/// Pings, and asks for so many bytes.
fn answers(machine: &Machine, address: IpAddr, lengths: &[usize]) {
    let said = machine.succeed("ping", &["-c", "3", "-W", "10", &address.to_string()]);
    let said = said.unwrap_or_else(|error| panic!("{address}: {error:#}"));
    assert!(said.contains(" 0% packet loss"), "{said}");
    for &length in lengths {
        let request = Random::new(length as u64).bytes(length);
        let asked = machine.ask(&requests_to((address, PORT).into(), 1, 1), &request, None);
        let (asked, reply) = asked.expect("dom0 asks");
        assert_eq!(asked.equal, 1, "{address}, {length} bytes: {asked:?}");
        assert!(reply == request, "{address}: another reply to {length} bytes");
    }
}

pub(crate) fn a_guest_answers_over_both_families() {
    with_service("echo", 2, "fd00::2/64", |machine, domain| {
        let lines = domain.console().lines();
        let line = lines.iter().find(|line| line.starts_with("serving")).expect("it serves");
        assert!(line.contains("at fd00::2/64 at 10.0.0.2/24"), "{line}");
        for address in [IpAddr::V6(ADDRESS), GUEST.into()] {
            answers(machine, address, &[0, 5, 1452, 1453, 8000]);
            let nobody = machine.ask(&requests_to((address, 9).into(), 1, 1), b"x", None);
            assert_eq!(nobody.expect("dom0 asks").0.trouble, Some(Trouble::Refused), "{address}");
        }
        let nobody = requests_to((Ipv6Addr::from(u128::from(PREFIX) + 9), PORT).into(), 1, 1);
        let (asked, _) = machine.ask(&nobody, b"x", None).expect("dom0 asks");
        assert_eq!(asked.trouble, Some(Trouble::Unreachable));
    });
}

pub(crate) fn a_page_comes_over_ipv6() {
    with_service("web", 4, "fd00::2/64", |machine, _| {
        let over_ipv6 = get(machine, "fd00::2");
        assert!(over_ipv6.contains("<html") && over_ipv6.contains("</html>"), "{over_ipv6}");
        assert_eq!(over_ipv6, get(machine, "10.0.0.2"));
    });
}

/// Runs a line of dom0's shell.
fn shell(machine: &Machine, line: &str) -> String {
    machine.succeed("sh", &["-c", line]).unwrap_or_else(|error| panic!("{line}: {error:#}"))
}

/// A program in a folder of dom0, which runs. Dropping it ends it.
struct Running<'m> {
    machine: &'m Machine,
    folder: &'static str,
}

impl<'m> Running<'m> {
    /// Starts the program with these arguments in a folder that has these files.
    fn start(
        machine: &'m Machine,
        tool: &Tool,
        folder: &'static str,
        files: &[(&str, &str)],
        arguments: &str,
    ) -> Self {
        let program = Program::find(tool, &mut |words| eprintln!("{words}"));
        let program = program.unwrap_or_else(|error| panic!("{error:#}"));
        machine.carry(&program, folder).unwrap_or_else(|error| panic!("{error:#}"));
        let running = Self { machine, folder };
        files.iter().for_each(|(name, text)| running.write(name, text));
        let name = tool.name;
        shell(
            machine,
            &format!(
                "cd {folder}; chmod 755 loader {name}; \
                 setsid ./loader --library-path . ./{name} {arguments} >log 2>&1 </dev/null & echo $! >{folder}/id"
            ),
        );
        running
    }

    /// Writes a file of the folder, which its owner alone changes.
    fn write(&self, name: &str, text: &str) {
        let path = format!("{}/{name}", self.folder);
        self.machine.write(&path, text).expect("dom0 takes it");
        shell(self.machine, &format!("chmod 644 {path}"));
    }

    fn signal(&self, signal: &str) {
        shell(self.machine, &format!("kill -{signal} $(cat {}/id)", self.folder));
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let folder = self.folder;
        let line = format!("kill $(cat {folder}/id); cat {folder}/log; rm -r {folder}");
        // The machine may be gone.
        if let Ok(ran) = self.machine.run("sh", &["-c", &line])
            && std::thread::panicking()
        {
            eprintln!("the program in {folder} said: {}", ran.stdout);
        }
    }
}

/// A router in dom0. Dropping it ends it.
struct Router<'m>(Running<'m>);

impl<'m> Router<'m> {
    fn start(machine: &'m Machine) -> Self {
        // radvd looks for the owner of its file.
        machine.write("/etc/passwd", "root:x:0:0:root:/:/bin/sh\n").expect("dom0 takes it");
        shell(machine, "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
        let says =
            "AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; prefix fd00::/64 { };";
        let config = format!("interface xenbr0 {{ {says} }};\n");
        let arguments = "--nodaemon --logmethod=stderr --config config --pidfile pid";
        Self(Running::start(machine, &RADVD, ROUTER, &[("config", &config)], arguments))
    }
}

impl Drop for Router<'_> {
    fn drop(&mut self) {
        let line = "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding; rm /etc/passwd";
        // The machine may be gone.
        let _ = self.0.machine.run("sh", &["-c", line]);
    }
}

pub(crate) fn an_address_comes_from_a_router() {
    let machine = machine();
    let router = Router::start(&machine);
    with_service("echo", 2, "auto", |machine, domain| {
        let lines = domain.console().lines();
        let line = lines.iter().find(|line| line.starts_with("serving")).expect("it serves");
        let address =
            line.split(" at ").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
        let address: Ipv6Addr = address.unwrap_or_else(|| panic!("no address of IPv6: {line}"));
        assert_eq!(address.segments()[..4], PREFIX.segments()[..4], "{line}");
        println!("{line}");
        answers(machine, address.into(), &[5, 8000]);
    });
    drop(router);
}

/// Where the server of addresses and names is, in dom0.
const NAMES: &str = "/tmp/names";
const DNSMASQ: Tool = Tool { name: "dnsmasq", package: "dnsmasq-base" };

/// What dnsmasq is told, in dom0: to grant addresses, and to say what is in the file `hosts`.
const NAMES_SAYS: &str = "--keep-in-foreground --log-facility=- --log-dhcp --conf-file=/dev/null --no-hosts --no-resolv --no-ping \
     --user= --pid-file= --port=53 --interface=xenbr0 --bind-interfaces --dhcp-leasefile=/tmp/names/leases \
     --dhcp-range=10.0.0.50,10.0.0.59,255.255.255.0,2m --addn-hosts=/tmp/names/hosts";

pub(crate) fn a_page_comes_by_name_over_both_families() {
    let machine = machine();
    let router = Router::start(&machine);
    let names = Running::start(&machine, &DNSMASQ, NAMES, &[("hosts", "")], NAMES_SAYS);
    let arguments = "--ipv4=dhcp --ipv6=auto";
    with_addresses("web", &["dhcp", "ipv6"], 4, arguments, |machine, domain| {
        let lines = domain.console().lines();
        let line = lines.iter().find(|line| line.starts_with("serving")).expect("it serves");
        let addresses: Vec<IpAddr> =
            line.split(" at ").filter_map(|rest| rest.split_once('/')?.0.parse().ok()).collect();
        assert_eq!(addresses.len(), 2, "{line}");
        let lines: String =
            addresses.iter().map(|address| format!("{address} web.test\n")).collect();
        names.write("hosts", &lines);
        names.signal("HUP");
        let page = |kind: &str, expected: fn(&IpAddr) -> bool| {
            let said = shell(machine, &format!("nslookup -type={kind} web.test 10.0.0.1"));
            // Those before are of the server.
            let answers = said.rsplit("Name:").next().unwrap_or_default();
            let mut words = answers.split_whitespace().filter_map(|word| word.parse().ok());
            let found: IpAddr = words.next().unwrap_or_else(|| panic!("{said}"));
            assert!(expected(&found) && addresses.contains(&found), "{said} of {line}");
            get(machine, &found.to_string())
        };
        let over_ipv4 = page("a", IpAddr::is_ipv4);
        assert!(over_ipv4.contains("<html") && over_ipv4.contains("</html>"), "{over_ipv4}");
        assert_eq!(over_ipv4, page("aaaa", IpAddr::is_ipv6));
    });
    drop((router, names));
}

/// The page of the guest at this address.
fn get(machine: &Machine, address: &str) -> String {
    // The end of the request is not that of the connection: nc would not wait for the page.
    let line = format!(
        "(printf 'GET / HTTP/1.0\\r\\nHost: guest\\r\\n\\r\\n'; sleep 3) | nc {address} {PORT}"
    );
    let page = shell(machine, &line);
    let (head, body) = page.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{page}"));
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    body.to_owned()
}
