//! Who serves HTTP.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use lab::{Lab, Service, cargo, debian::Program, tools::Tool};

use super::setting::{BULK, Setting};

/// The port of all of them.
const PORT: u16 = 8080;
/// The name of the peer that the others are compared with.
pub(crate) const KERNEL: &str = "kernel";
/// The name of the other.
pub(crate) const SMOLTCP: &str = "smoltcp";

/// A server on Debian's list.
const NGINX: Tool = Tool { name: "nginx", package: "nginx" };

/// A program that serves what the crate `bench` describes in `http.rs`, and how it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    kind: Kind,
    /// What it is told beside the addresses.
    args: &'static [&'static str],
    /// Whether it is an error if it does not answer.
    pub(crate) must_work: bool,
}

/// How a peer is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A service of this repository on the lab's TAP device, if there is one of this name.
    Service(&'static str),
    /// A program of the crate `bench` on the lab's TAP device.
    OnTap(&'static str),
    /// A program of the crate `bench` behind a pair of virtual Ethernet interfaces.
    BehindVeth(&'static str),
    /// nginx there.
    Nginx,
}

/// All of them, in the order in which they take turns.
const PEERS: [Peer; 5] = [
    Peer { name: KERNEL, kind: Kind::BehindVeth("kernel-http"), args: &["8080"], must_work: true },
    Peer {
        name: "letregion",
        kind: Kind::Service("web"),
        args: &["--offloads=off"],
        must_work: true,
    },
    Peer {
        name: "letregion-offloads",
        kind: Kind::Service("web"),
        args: &["--offloads=on"],
        must_work: true,
    },
    Peer { name: "nginx", kind: Kind::Nginx, args: &[], must_work: false },
    Peer { name: SMOLTCP, kind: Kind::OnTap("smoltcp-http"), args: &[], must_work: false },
];

/// Where the host's end of the pair is, and the server's.
const VETH: [&str; 3] = ["--interface=veth0", "--ipv4=10.0.1.2/24", "--ipv4-gateway=10.0.1.1"];
const BEHIND_VETH: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);

/// The peers that there are, with their programs.
#[derive(Debug)]
pub(crate) struct Peers {
    peers: Vec<Peer>,
    programs: BTreeMap<String, PathBuf>,
    nginx: Option<Program>,
    /// The folder of nginx.
    folder: PathBuf,
}

impl Peers {
    /// Builds or finds those that are wanted: all, if none is named. The kernel's is always among them.
    ///
    /// # Errors
    /// One does not build, or there is none of such a name.
    pub(crate) fn build(wanted: &[String]) -> Result<Self> {
        let apps = cargo::apps()?;
        let is_there = |peer: &Peer| match peer.kind {
            Kind::Service(name) => apps.iter().any(|app| app == name),
            _ => true,
        };
        let mut peers: Vec<_> = PEERS.into_iter().filter(is_there).collect();
        let known = || peers.iter().map(|peer| peer.name).collect::<Vec<_>>().join(", ");
        for name in wanted {
            let found = peers.iter().any(|peer| peer.name == name);
            anyhow::ensure!(found, "there is no peer {name}; there are: {}", known());
        }
        peers.retain(|peer| {
            let is_wanted = wanted.is_empty() || wanted.iter().any(|name| name == peer.name);
            peer.name == KERNEL || is_wanted
        });
        let services = peers.iter().filter_map(|peer| match peer.kind {
            Kind::Service(name) => Some(name),
            _ => None,
        });
        let mut packages: Vec<_> = services.chain(["bench"]).collect();
        packages.dedup();
        let programs = cargo::build_all(&packages, &[])?;
        let folder = cargo::target_folder()?.join("bench/nginx");
        let mut nginx = None;
        if peers.iter().any(|peer| peer.kind == Kind::Nginx) {
            match Program::find(&NGINX, &mut |words| eprintln!("{words}")) {
                Ok(program) => {
                    prepare_nginx(&folder)?;
                    nginx = Some(program);
                }
                Err(error) => {
                    eprintln!("without nginx: {error:#}");
                    peers.retain(|peer| peer.kind != Kind::Nginx);
                }
            }
        }
        Ok(Self { peers, programs, nginx, folder })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    /// The program of this name.
    pub(crate) fn program(&self, name: &str) -> Result<&Path> {
        Ok(self.programs.get(name).with_context(|| format!("there is no program {name}"))?)
    }

    /// Starts a peer for a setting, and says where it is reached.
    pub(crate) fn start<'lab>(
        &self,
        lab: &'lab Lab,
        peer: &Peer,
        setting: Setting,
    ) -> Result<(Service<'lab>, SocketAddrV4)> {
        let mut args: Vec<OsString> = peer.args.iter().map(Into::into).collect();
        match peer.kind {
            Kind::Service(name) | Kind::OnTap(name) => {
                if peer.name == SMOLTCP {
                    args.extend(setting.smoltcp_arguments().into_iter().map(OsString::from));
                }
                let service = Service::start(lab, self.program(name)?, args, |_| ())?;
                Ok((service, SocketAddrV4::new(lab.network().service, PORT)))
            }
            Kind::BehindVeth(_) | Kind::Nginx => {
                let mut line: Vec<OsString> = VETH.iter().map(Into::into).collect();
                line.push("--".into());
                match (peer.kind, &self.nginx) {
                    (Kind::BehindVeth(name), _) => line.push(self.program(name)?.into()),
                    (_, Some(nginx)) => {
                        // The path of libraries would be that of the program before too.
                        if let Some((name, value)) = nginx.environment() {
                            let mut variable = OsString::from(name);
                            variable.push("=");
                            variable.push(value);
                            line.extend(["env".into(), variable]);
                        }
                        line.push(nginx.path().into());
                        line.extend(["-p".into(), self.folder.clone().into_os_string()]);
                        line.extend(["-e", "stderr", "-c", "nginx.conf"].map(OsString::from));
                    }
                    _ => anyhow::bail!("nginx is not there"),
                }
                line.extend(args);
                let program = self.program("behind-veth")?;
                let service = Service::start_elsewhere(lab, program, line, |_| ())?;
                Ok((service, SocketAddrV4::new(BEHIND_VETH, PORT)))
            }
        }
    }
}

/// Writes what nginx reads: its configuration, and a file for each length that is asked for.
fn prepare_nginx(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("bytes"))?;
    fs::create_dir_all(folder.join("temporary"))?;
    let file = File::create(folder.join(format!("bytes/{BULK}")))?;
    // A hole, which is in the page cache after the first time, as any file would be.
    file.set_len(BULK)?;
    fs::write(folder.join("nginx.conf"), NGINX_CONFIGURATION).context("cannot configure nginx")
}

/// One process, as the others are; nothing is written to a log, and connections are kept for as long as clients want.
const NGINX_CONFIGURATION: &str = "\
daemon off;
master_process off;
pid nginx.pid;
worker_rlimit_nofile 20000;
error_log stderr crit;
events { worker_connections 16384; }
http {
    access_log off;
    default_type text/plain;
    sendfile on;
    tcp_nodelay on;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path temporary/body;
    proxy_temp_path temporary/proxy;
    fastcgi_temp_path temporary/fastcgi;
    uwsgi_temp_path temporary/uwsgi;
    scgi_temp_path temporary/scgi;
    server {
        listen 8080 backlog=4096;
        root .;
        location = /hello { return 200 'hello, world\\n'; }
        location = /sink { return 200 'taken\\n'; }
    }
}
";
