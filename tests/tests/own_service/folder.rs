//! A folder outside of the repository, with a home for cargo in it, so that nothing is left behind elsewhere.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

use lab::cargo;

/// Where the repository is said to be on the network, and in the current folder once it is cloned.
pub(crate) const PUBLISHED: &str = "https://github.com/letregion/letregion";
const CLONED: &str = "letregion/";

/// A folder for a test. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// Where a command is typed.
    here: PathBuf,
}

impl Folder {
    /// A new one.
    pub(crate) fn new(by_git: bool) -> Self {
        let kind = if by_git { "git" } else { "path" };
        let root = env::temp_dir().join(format!("own-service-{kind}-{}", process::id()));
        fs::create_dir(&root).expect("the folder can be made");
        let folder = Self { here: root.clone(), root };
        // What was downloaded is used; commits that are fetched are not left there.
        let (home, known) = (folder.home(), cargo_home());
        fs::create_dir(&home).expect("the folder can be made");
        for shared in ["registry", "config.toml", "credentials.toml"] {
            if known.join(shared).exists() {
                symlink(known.join(shared), home.join(shared)).expect("links can be made");
            }
        }
        folder
    }

    /// Types a command; it has to end well. Returns what it wrote to standard output.
    pub(crate) fn type_in(&mut self, line: &str) -> String {
        println!("$ {line}");
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["cd", to] => {
                self.here = self.here.join(to);
                if self.here.join("Cargo.toml").is_file() {
                    self.fetch();
                }
                return String::new();
            }
            // It is there.
            ["git", "clone", PUBLISHED] => return self.clone_of_commits(),
            _ => {}
        }
        let root = cargo::root().display().to_string();
        let (program, args) = words.split_first().expect("a command has a name");
        assert_eq!(*program, "cargo", "{line}");
        let mut command = cargo::cargo_in(&self.here);
        for arg in args {
            match arg.strip_prefix(CLONED) {
                Some(inside) => command.arg(format!("{root}/{inside}")),
                None if *arg == PUBLISHED => {
                    command.arg(format!("file://{}", self.commits().display()))
                }
                None => command.arg(arg),
            };
        }
        if args.first() == Some(&"install") {
            // As it is built already, and for this test alone.
            command.args(["--debug", "--root"]).arg(&self.root);
            command.arg("--target-dir").arg(cargo::target_folder().expect("there is one"));
        } else {
            command.env("CARGO_TARGET_DIR", self.root.join("target"));
        }
        self.run(&mut command, line)
    }

    /// A file, by its path from where a command is typed.
    pub(crate) fn read(&self, file: &str) -> String {
        let path = self.here.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Replaces the line of a file that begins with `start`.
    pub(crate) fn replace(&self, file: &str, start: &str, by: &str) {
        let text = self.read(file);
        let mut lines: Vec<&str> = text.lines().collect();
        let mut found = lines.iter_mut().filter(|line| line.starts_with(start));
        *found.next().expect("there is such a line") = by;
        assert!(found.next().is_none(), "there are two such lines");
        let path = self.here.join(file);
        fs::write(path, lines.join("\n") + "\n").expect("it can be written");
    }

    /// All files below a folder, in alphabetical order.
    pub(crate) fn files(&self, below: &str) -> Vec<String> {
        let root = self.here.join(below);
        let (mut folders, mut files) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("it is a folder") {
                let path = entry.expect("it can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let inside = path.strip_prefix(&root).expect("it is below");
                    files.push(inside.display().to_string());
                }
            }
        }
        files.sort_unstable();
        files
    }

    /// What somebody would have cloned from the network: the commits of this repository.
    fn clone_of_commits(&self) -> String {
        let mut command = Command::new("git");
        command.args(["clone", "--quiet", "--bare"]).arg(cargo::root()).arg(self.commits());
        self.run(&mut command, "git clone")
    }

    /// Brings the commits that the package depends on, if it does; everything else is there, and nothing but this asks
    /// for a network.
    fn fetch(&self) {
        let mut command = cargo::cargo_in(&self.here);
        command.args(["fetch", "--quiet", "--target", "x86_64-unknown-linux-gnu"]);
        command.env("CARGO_NET_OFFLINE", "false");
        self.run(&mut command, "cargo fetch");
    }

    fn run(&self, command: &mut Command, line: &str) -> String {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = [self.root.join("bin")].into_iter().chain(env::split_paths(&path));
        if command.get_envs().all(|(name, _)| name != "CARGO_NET_OFFLINE") {
            command.env("CARGO_NET_OFFLINE", "true");
        }
        let output = command
            .env("PATH", env::join_paths(path).expect("no folder has a colon in its name"))
            .env("CARGO_HOME", self.home())
            .stdin(Stdio::null())
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {}: {said}", output.status);
        String::from_utf8(output.stdout).expect("it is text")
    }

    fn commits(&self) -> PathBuf {
        self.root.join("commits")
    }

    fn home(&self) -> PathBuf {
        self.root.join("cargo-home")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed with the other temporary files.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Where cargo keeps what it downloads.
fn cargo_home() -> PathBuf {
    let home = || Path::new(&env::var_os("HOME").unwrap_or_default()).join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}
