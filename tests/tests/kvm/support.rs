//! What the tests share.

use std::{
    ffi::OsStr,
    net::UdpSocket,
    panic,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Duration,
};

use lab::{
    Lab, Network, Service,
    cargo::{self, Build, Platform, Profile, Workspace},
    kvm::{Guest, Machine},
    tools,
};

use crate::built::built;

/// The port of echo, and of most services.
pub(crate) const PORT: u16 = 8080;
/// Where a guest answers with its counters, if it is told to.
pub(crate) const COUNTERS: u16 = 9100;
/// How long a guest that should end by itself may take, on a machine with other work.
const ENDED_WITHIN: Duration = Duration::from_secs(120);
/// The machines that guests are tested on.
pub(crate) const MACHINES: [Machine; 4] =
    [Machine::Microvm { acpi: true }, Machine::Microvm { acpi: false }, Machine::Pc, Machine::Q35];

/// The image of a service, built once.
pub(crate) fn image(app: &str) -> PathBuf {
    image_with(app, &[])
}

/// The image of a service with these features, built once.
pub(crate) fn image_with(app: &str, features: &[&str]) -> PathBuf {
    built(app, &Build { features, ..Build::new(Platform::Kvm, Profile::Guest) })
}

/// A guest on this machine with this image and so many MiB of memory.
pub(crate) fn guest(machine: Machine, image: &Path, memory: u32) -> Guest<'_> {
    Guest { machine, ..Guest::new(image, memory) }
}

/// Calls `work` with a service that serves, on each of the machines at the same time.
pub(crate) fn with_service(app: &str, args: &[&str], work: impl Fn(&Lab, &mut Service<'_>) + Sync) {
    on_each(app, |lab, guest| {
        let mut service =
            guest.start(lab, args, |_| ()).unwrap_or_else(|error| panic!("{error:#}"));
        work(lab, &mut service);
    });
}

/// Calls `work` with echo, which serves.
pub(crate) fn with_echo(work: impl Fn(&Lab, &mut Service<'_>) + Sync) {
    with_service("echo", &[], work);
}

/// Calls `work` with a service, not started, for each of the machines at the same time. It has the memory that it asks for.
pub(crate) fn on_each(app: &str, work: impl Fn(&Lab, &Guest<'_>) + Sync) {
    let image = image(app);
    let workspace = Workspace::of_repository().expect("cargo reads it");
    let memory = workspace.service(Some(app)).and_then(cargo::Service::memory);
    let memory = memory.expect("the service is there");
    on_each_machine(|lab, machine| work(lab, &guest(machine, &image, memory)));
}

/// Calls `work` for each of the machines at the same time, each time in a network of its own.
pub(crate) fn on_each_machine(work: impl Fn(&Lab, Machine) + Sync) {
    on_each_machine_with(&[], work);
}

/// Calls `work` for each of the machines at the same time, each time in a network of its own, which fits a guest with these
/// arguments.
pub(crate) fn on_each_machine_with(args: &[&str], work: impl Fn(&Lab, Machine) + Sync) {
    let here = |machine: Machine| in_network_of(machine, args, |lab| work(lab, machine));
    thread::scope(|scope| {
        let running = MACHINES.map(|machine| (machine, scope.spawn(move || here(machine))));
        let ended = running.map(|(machine, running)| (machine, running.join()));
        for (machine, result) in ended {
            if let Err(panic) = result {
                eprintln!("that was on {machine:?}");
                panic::resume_unwind(panic);
            }
        }
    });
}

/// What a guest that should end by itself has written when it has.
pub(crate) fn output(mut command: Command) -> Output {
    tools::output_within(&mut command, ENDED_WITHIN).unwrap_or_else(|error| panic!("{error:#}"))
}

/// A socket that is connected to a port of the service.
pub(crate) fn connect(lab: &Lab, port: u16) -> UdpSocket {
    let client = lab.connect(port).expect("a socket");
    client.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    client
}

/// Calls `work` in a network of its own.
pub(crate) fn in_network(work: impl FnOnce(&Lab) + Send) {
    lab::in_namespace(Network::default(), work).unwrap_or_else(|error| panic!("{error:#}"));
}

/// Calls `work` in a network of its own, which fits a guest on this machine with these arguments.
pub(crate) fn in_network_of(machine: Machine, args: &[&str], work: impl FnOnce(&Lab) + Send) {
    let args: Vec<_> = args.iter().map(OsStr::new).collect();
    let network = machine.network(&args);
    lab::in_namespace(network, work).unwrap_or_else(|error| panic!("{error:#}"));
}

/// A socket that is connected to echo.
pub(crate) fn client(lab: &Lab) -> UdpSocket {
    connect(lab, PORT)
}

/// Sends a request, and returns the reply.
pub(crate) fn ask(client: &UdpSocket, request: &[u8]) -> Vec<u8> {
    let mut reply = vec![0; 70_000];
    client.send(request).expect("it can be sent");
    let length = client.recv(&mut reply).expect("there is a reply");
    reply.truncate(length);
    reply
}

/// Sends a request, and expects it back.
pub(crate) fn exchange(client: &UdpSocket, request: &[u8]) {
    let reply = ask(client, request);
    assert!(reply == *request, "a reply of {} bytes to {}", reply.len(), request.len());
}

/// A counter of the service, which was started with their port.
pub(crate) fn counter(lab: &Lab, name: &str) -> u64 {
    let text = ask(&connect(lab, COUNTERS), name.as_bytes());
    let text = String::from_utf8_lossy(&text);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no counter {name} in {text:?}"))
}
