//! A service of one's own, in a folder outside of the repository: the commands of `docs/your-own-service.md`, as they
//! stand there, with a dependency on the folder of the repository and on its commits.

#![forbid(unsafe_code)]

#[path = "common/trial.rs"]
mod trial;

mod own_service {
    pub(crate) mod document;
    pub(crate) mod folder;
}

use std::process::ExitCode;

use libtest_mimic::Arguments;
use own_service::{
    document::{Step, steps},
    folder::Folder,
};
use trial::trial;

/// The files that somebody has to write, and the most lines in them: for a service on UDP, and for one on HTTP with its test.
const ON_UDP: (&[&str], usize) = (&["Cargo.toml", "src/main.rs"], 25);
const ON_HTTP: (&[&str], usize) = (&["Cargo.toml", "src/index.html", "src/main.rs"], 55);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each boots a Xen, and both build into one folder.
    arguments.test_threads = Some(1);
    // Where programs that serve are left out, these are, by the same name.
    let trials = vec![
        trial("xen::own_service::with_the_folder_of_the_repository", || follow(false)),
        trial("xen::own_service::with_its_commits", || follow(true)),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Does what the document says, in a fresh folder.
fn follow(by_git: bool) {
    let mut folder = Folder::new(by_git);
    let mut output = String::new();
    for step in steps(by_git) {
        match step {
            Step::Type(line) => {
                output = folder.type_in(&line);
                if let Some(rest) = line.strip_prefix("cargo letregion new ") {
                    let name = rest.split(' ').next().unwrap_or_default();
                    let most = if rest.contains(" --http") { ON_HTTP } else { ON_UDP };
                    assert_little(&folder, name, most);
                }
            }
            Step::Expect(text) => assert_eq!(output.trim_end(), text, "of the last command"),
            Step::Show(listing) => {
                let written = folder.read("src/main.rs");
                assert_eq!(written, listing, "src/main.rs is not what the document shows");
            }
            Step::Replace(line) => folder.replace("src/main.rs", "    udp.bind", &line),
        }
    }
    // Where there is a program, there is what was said to be there.
    let image = output.trim_end().to_owned();
    assert!(std::path::Path::new(&image).is_file(), "there is no image {image:?}");
}

/// Counts what somebody would have had to write.
fn assert_little(folder: &Folder, name: &str, (files, most): (&[&str], usize)) {
    let mut lines = 0;
    for file in files {
        let text = folder.read(&format!("{name}/{file}"));
        println!("{file}: {} lines", text.lines().count());
        lines += text.lines().count();
    }
    let mut all = vec!["Cargo.lock"];
    all.extend(files);
    assert_eq!(folder.files(name), all, "Cargo.lock is cargo's own");
    println!("{} files, {lines} lines", files.len());
    assert!(lines <= most, "{} files, {lines} lines", files.len());
}
