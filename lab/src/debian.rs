//! Programs of Debian packages that need not be installed: fetched with all that they need and unpacked into the folder
//! that cargo builds into. It takes no right, and changes nothing of the system.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    apt::{Apt, output},
    cargo,
    folder::Folder,
    tools::{self, APT, DPKG, Tool},
};

/// Only a whole folder has this file: a list of the packages in it.
const LIST: &str = "packages.txt";
/// Where packages put programs.
const PROGRAMS: [&str; 4] = ["usr/bin", "usr/sbin", "bin", "sbin"];
/// Where they put libraries; below these too, in the folder of the machine's kind.
const LIBRARIES: [&str; 2] = ["usr/lib", "lib"];

/// A program that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    root: Option<PathBuf>,
}

impl Program {
    /// The program that is installed; or that was unpacked before; or that is fetched now, which is told to `progress`.
    ///
    /// # Errors
    /// It is not there, and cannot be fetched: it takes a Debian that reaches a mirror of its packages.
    pub fn find(tool: &Tool, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        if tool.is_installed() {
            return Ok(Self { path: tool.name.into(), root: None });
        }
        let root = unpacked(tool.package, progress).with_context(|| tools::remedy(&[*tool]))?;
        let mut paths = PROGRAMS.iter().map(|folder| root.join(folder).join(tool.name));
        let path = paths.find(|path| path.is_file()).with_context(|| {
            format!("the package {} has no program {}", tool.package, tool.name)
        })?;
        Ok(Self { path, root: Some(root) })
    }

    /// The folder that its package is unpacked into; none if it is installed.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Where it is: a name, if it is installed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The command that calls it.
    pub fn command(&self) -> Command {
        let mut command = tools::command(&self.path);
        command.envs(self.environment());
        command
    }

    /// What its environment needs beside what is there.
    pub fn environment(&self) -> Option<(&'static str, OsString)> {
        let libraries = libraries(self.root.as_deref()?);
        let known = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        // Only a folder with a colon in its name cannot be joined.
        let all = env::join_paths(libraries.into_iter().chain(env::split_paths(&known))).ok()?;
        Some(("LD_LIBRARY_PATH", all))
    }
}

/// The folders with libraries.
fn libraries(root: &Path) -> Vec<PathBuf> {
    let is_of_a_machine = |folder: &PathBuf| {
        folder.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu"))
    };
    let below = |folder: &PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(is_of_a_machine).collect::<Vec<_>>()
    };
    let folders = LIBRARIES.iter().map(|folder| root.join(folder)).filter(|it| it.is_dir());
    folders.flat_map(|folder| below(&folder).into_iter().chain([folder])).collect()
}

/// The folder with a package and all that it needs and that is not installed.
fn unpacked(package: &str, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let cache = cargo::target_folder()?.join("debian");
    let root = cache.join(package);
    if root.join(LIST).is_file() {
        return Ok(root);
    }
    for tool in [APT, DPKG] {
        ensure!(tool.is_installed(), tools::remedy(&[tool]));
    }
    let folder = Folder::new(&cache, "fetching")?;
    progress(&format!("downloading the Debian package {package}, this once"));
    let wanted = |apt: &Apt| needed(apt, package);
    let names = Apt::default()
        .unpack(folder.path(), wanted, progress)
        .with_context(|| format!("cannot bring the Debian package {package}"))?;
    let names: String = names.iter().map(|name| format!("{name}\n")).collect();
    fs::write(folder.path().join("root").join(LIST), names)?;
    // Another process may have brought it in the meantime: it is the same.
    if let Err(error) = fs::rename(folder.path().join("root"), &root) {
        ensure!(root.join(LIST).is_file(), "cannot make {}: {error}", root.display());
    }
    Ok(root)
}

/// The names of the packages that installing this one would bring.
fn needed(apt: &Apt, package: &str) -> Result<Vec<String>> {
    let mut command = apt.command("apt-get");
    command.args(["-qq", "--print-uris", "--yes", "--no-install-recommends"]);
    // Nothing is installed, so that nobody is in the way; what is installed matters, whatever lists are read.
    command.args(["-o", "Debug::NoLocking=1", "-o", "Dir::State::Status=/var/lib/dpkg/status"]);
    let names = names_of(&output(command.args(["install", package]))?);
    ensure!(!names.is_empty(), "apt would install nothing for {package}");
    Ok(names)
}

/// The packages in what `apt-get --print-uris` says: lines of an address, the name of a file, its size and its digest.
fn names_of(said: &str) -> Vec<String> {
    let files = said.lines().filter_map(|line| line.split(' ').nth(1));
    files.filter_map(|file| Some(file.split_once('_')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_program_is_called_as_it_is() {
        let shell = Tool { name: "sh", package: "dash" };
        let found = Program::find(&shell, &mut |_| panic!("there is nothing to do")).unwrap();
        assert_eq!((found.path(), found.root()), (Path::new("sh"), None));
        assert!(found.command().args(["-c", "exit 0"]).status().unwrap().success());
    }

    #[test]
    fn the_packages_are_those_of_the_files() {
        let said = "'http://a/pool/n/nginx/nginx_1.22.1-9_amd64.deb' nginx_1.22.1-9_amd64.deb 532 SHA256:0\n\
                    'http://a/l.deb' libluajit-5.1-2_2.1%3a0_amd64.deb 255 SHA256:1\n";
        assert_eq!(names_of(said), ["nginx", "libluajit-5.1-2"]);
        assert!(names_of("").is_empty() && names_of("nginx is already the newest").is_empty());
    }
}
