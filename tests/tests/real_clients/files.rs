//! A server of the files of a folder: this program itself, with the argument `--folder`. The table is that of a service
//! whose files are part of the program, but that it is made at the start.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use arp::Arp;
use ethernet::Ethernet;
use http::File;
use icmp::Icmp;
use ipv4::Ipv4;
use netif_tap::Tap;
use rt::{Config, Runtime as _};
use rt_unix::{Error, Rt};
use tcp::Tcp;
use udp::Udp;

use super::bed::PORT;

/// The argument with the folder.
pub(crate) const FOLDER: &str = "--folder=";

/// The folder that this program is to serve; none if it is to test.
pub(crate) fn wanted() -> Option<PathBuf> {
    std::env::args().find_map(|arg| arg.strip_prefix(FOLDER).map(PathBuf::from))
}

/// Serves the files of a folder on port 8080.
pub(crate) fn serve(folder: &Path) -> ExitCode {
    let mut files = Vec::new();
    add(folder, "", &mut files);
    let files: &'static [File] = files.leak();
    rt_unix::start("files", move |rt| service(rt, files))
}

/// Adds the files of a folder, which is at this path of the URL.
fn add(folder: &Path, path: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let entry = entry.expect("it can be read");
        let name = entry.file_name().into_string().expect("names are text");
        let path = format!("{path}/{name}");
        if entry.path().is_dir() {
            add(&entry.path(), &path, files);
        } else {
            let bytes = fs::read(entry.path()).expect("it can be read");
            files.push(File::new(path.leak(), bytes.leak()));
        }
    }
}

fn service(rt: &mut Rt, files: &'static [File]) -> Result<(), Error> {
    let own =
        rt::arguments! { "--folder" "=PATH   the files to serve", "a folder", |_folder| true; };
    let config = Config::with_arguments(own).from_args(rt.args())?;
    let (memory, seed, tasks) = (rt.memory(), rt.seed()?, rt.tasks()?);
    let arp = Arp::new(Ethernet::new(Tap::open(rt, &config)?), config.ipv4, seed, memory)?;
    let mut tcp = Tcp::new(Icmp::new(Ipv4::new(arp, seed, memory)?, seed), seed, tasks)?;
    tcp.bind(PORT, async move |stream, region| {
        http::serve(stream, region, &http::Config::new(), async |request, response| {
            http::files(files, request, response).await
        })
        .await;
        Ok(())
    })?;
    rt.serve(Udp::new(tcp, seed, memory)?, &config)
}
