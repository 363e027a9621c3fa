//! What a service needs in a container: a pool that fits its limit, and a program without libraries.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process,
};

use lab::{
    Lab, Service, cargo,
    soak::{
        self,
        frames::{Ipv4, MORE, UDP},
        site::Site,
    },
};

use super::{
    process::assert_ends,
    support::{PORT, ask, connect, in_lab, program},
};

/// The limit of the container: 16 MiB.
const LIMIT: u64 = 16 << 20;

/// A control group with [`LIMIT`], and a script that starts echo in it.
struct Container {
    group: PathBuf,
    /// The file that says the limit.
    file: &'static str,
    script: PathBuf,
}

impl Container {
    /// None, in a line that says why, where this process may not make one.
    fn open(name: &str) -> Option<Self> {
        let name = format!("letregion-{name}-{}", process::id());
        let open = |(root, file)| {
            let group = Path::new(root).join(&name);
            fs::create_dir(&group).ok()?;
            let script = std::env::temp_dir().join(&name);
            let container = Self { group, file, script };
            fs::write(container.limit(), LIMIT.to_string()).ok()?;
            let echo = program_in(&container.group, program("echo"));
            fs::write(&container.script, echo).ok()?;
            fs::set_permissions(&container.script, fs::Permissions::from_mode(0o755)).ok()?;
            Some(container)
        };
        let places =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        let container = places.into_iter().find_map(open);
        if container.is_none() {
            eprintln!("left out: no control group with a limit of memory can be made here");
        }
        container
    }

    fn limit(&self) -> PathBuf {
        self.group.join(self.file)
    }
}

/// A script that starts a program in a control group.
fn program_in(group: &Path, program: &Path) -> String {
    let (group, program) = (group.display(), program.display());
    format!("#!/bin/sh\necho $$ > {group}/cgroup.procs && exec {program} \"$@\"\n")
}

impl Drop for Container {
    fn drop(&mut self) {
        // A group with a process in it stays, which a test that fails says already.
        let _ = fs::remove_dir(&self.group);
        let _ = fs::remove_file(&self.script);
    }
}

/// The pool of the default is made smaller, the largest that is not refused is warned of, and fragments
/// that fill all they can end neither.
pub(crate) fn the_pool_fits_its_limit() {
    let Some(container) = Container::open("fits") else { return };
    for (args, pages, words) in [
        (&[][..], 3065..3072, "memory: 12M, not 64M: "),
        (
            &["--memory=47M"][..],
            12_000..12_032,
            "--memory=47M may not fit: 51M if all of it is used",
        ),
    ] {
        in_container(&container, args, |service, site| {
            let lines = service.lines();
            let limit = format!("{} is 16M", container.limit().display());
            let is_said = |line: &String| line.starts_with(words) && line.contains(&limit);
            assert!(lines.iter().any(is_said), "{lines:#?}");

            site.serve_good_client(1).expect("nobody disturbs");
            site.send(&unfinished(site)).expect("it takes them");
            let memory = site.memory().expect("it tells");
            assert!(pages.contains(&memory.pages), "{memory:#?}");
            let (most, quarter) = (memory.region("ipv4.reassembly").most, memory.pages / 4);
            assert!(most > quarter - 50, "the fragments take {most} pages of {quarter}");
            site.serve_good_client(2).expect("it still serves");
            assert_peak(service.id(), memory.pages * 4096);
        });
    }
}

/// Calls `test` with echo in this container, which then has to end well.
fn in_container(
    container: &Container,
    args: &[&str],
    test: impl FnOnce(&Service<'_>, &Site) + Send,
) {
    lab::in_namespace(soak::network(1), |lab| {
        let (service, site) = soak::start(lab, &container.script, 1, args, |_| ())?;
        test(&service, &site);
        let (status, lines) = service.stop()?;
        assert!(status.success(), "{status}: {lines:#?}");
        anyhow::Ok(())
    })
    .and_then(|result| result)
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// 7,680 fragments of 256 datagrams, each of another host, all but the last one of each.
fn unfinished(site: &Site) -> Vec<Vec<u8>> {
    let target = site.target();
    let fragment = |number: usize| {
        let header = Ipv4 {
            identification: 7,
            flags_offset: MORE | (number / 256 * 185) as u16,
            ..Ipv4::new(target.stranger(number % 256), target.address, UDP)
        };
        target.frame(&header.packet(&[0; 1480]))
    };
    (0..7680).map(fragment).collect()
}

/// The formula of docs/operations.md: 2.5 MiB, the table of the pages, and a quarter of the pool; and a good
/// client's largest request and reply.
fn assert_peak(id: u32, pool: u64) {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    let formula = 2560 + (pool / 512 + pool / 4) / 1024;
    println!("{peak} KiB at most, {formula} by the formula, with a pool of {} KiB", pool / 1024);
    assert!((formula / 2..formula + 512).contains(&peak), "{peak} KiB, not {formula}");
}

pub(crate) fn a_pool_that_cannot_fit_is_refused_in_figures() {
    let Some(container) = Container::open("refused") else { return };
    let refused = |lab: &Lab, arg, words: &str| {
        assert_ends(lab, &container.script, arg, 2, words);
    };
    in_lab(|lab| {
        let words = format!("--memory=64M: {} is 16M: 47M at most", container.limit().display());
        refused(lab, "--memory=64M", &words);
        refused(lab, "--memory=1G", "--memory=1G: ");
    });
    fs::write(container.limit(), (4 << 20).to_string()).expect("the group is ours");
    in_lab(|lab| {
        let words = format!("{} is 4M, 4224K at least", container.limit().display());
        assert_ends(lab, &container.script, "--probe", 1, &words);
    });
}

/// What a container needs that has nothing else in it.
pub(crate) fn a_static_build_serves() {
    let program = build_static();
    let image = fs::read(&program).expect("it was built");
    assert!(!asks_for_a_loader(&image), "{} is not static", program.display());
    in_lab(|lab| {
        let service = Service::start(lab, &program, [""; 0], |_| ()).expect("it serves");
        assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
        let (status, lines) = service.stop().expect("it ends");
        assert_eq!(status.code(), Some(0), "{lines:#?}");
    });
}

/// Whether a program of 64 bits has a segment `PT_INTERP`: elf(5).
fn asks_for_a_loader(image: &[u8]) -> bool {
    let number = |at: usize, length: usize| {
        image[at..][..length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    assert!(image.starts_with(b"\x7fELF\x02\x01") && count > 0, "no ELF file of 64 bits");
    (0..count).any(|index| number(first + index * size, 4) == 3)
}

/// Builds echo with a C library in it, in a folder of its own.
fn build_static() -> PathBuf {
    let folder = cargo::target_folder().expect("cargo knows the workspace");
    let mut command = cargo::cargo();
    command
        .args(["build", "--release", "--package", "echo", cargo::MESSAGES])
        .args(["--target", "x86_64-unknown-linux-gnu", "--target-dir"])
        .arg(folder.join("static"))
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    let mut programs = cargo::programs(&mut command).expect("echo builds");
    programs.remove("echo").expect("it has a program")
}
