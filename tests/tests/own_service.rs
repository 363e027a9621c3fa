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

/// The most files, and lines in them, that somebody has to write.
const MOST: (usize, usize) = (2, 25);

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
                let is_new = line.starts_with("cargo letregion new");
                output = folder.type_in(&line);
                if is_new {
                    assert_little(&folder);
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
fn assert_little(folder: &Folder) {
    let mut lines = 0;
    let files = ["hello/Cargo.toml", "hello/src/main.rs"];
    for file in files {
        let text = folder.read(file);
        println!("{file}: {} lines", text.lines().count());
        lines += text.lines().count();
    }
    let others = folder.files("hello");
    assert_eq!(others, ["Cargo.lock", "Cargo.toml", "src/main.rs"], "Cargo.lock is cargo's own");
    println!("{} files, {lines} lines", files.len());
    assert!(files.len() <= MOST.0 && lines <= MOST.1, "{} files, {lines} lines", files.len());
}
