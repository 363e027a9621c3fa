//! Debian packages, fetched and unpacked in a way that needs no right and changes nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{interrupt, tools};

/// apt, called in a way that needs no right and changes nothing.
#[derive(Default)]
pub(crate) struct Apt {
    options: Vec<String>,
}

impl Apt {
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = tools::command(program);
        // Root's downloads would go to the user _apt, who may not write where we want them.
        command.args(["-q", "-o", "APT::Sandbox::User=root"]).args(&self.options);
        // What it says is read below.
        command.env("LC_ALL", "C");
        command
    }

    /// Fetches the current lists into a folder of our own.
    pub(crate) fn update(&mut self, folder: &Path) -> Result<()> {
        let (state, cache) = (folder.join("apt/state"), folder.join("apt/cache"));
        fs::create_dir_all(state.join("lists/partial"))?;
        fs::create_dir_all(cache.join("archives/partial"))?;
        let places = [
            ("Dir::State", state.as_path()),
            ("Dir::State::Lists", &state.join("lists")),
            // What is installed does not matter.
            ("Dir::State::Status", Path::new("/dev/null")),
            ("Dir::Cache", &cache),
        ]
        .map(|(option, path)| format!("{option}={}", path.display()));
        // A list that cannot be fetched is an error, and not a warning.
        let options = places.into_iter().chain(["APT::Update::Error-Mode=any".into()]);
        self.options = options.flat_map(|option| ["-o".into(), option]).collect();
        succeed(self.command("apt-get").arg("update"))
    }

    /// Fetches the packages that `wanted` names into `folder/deb`, with current lists if those of the system are of no use,
    /// and unpacks them into `folder/root`. Returns the names of their files.
    pub(crate) fn unpack(
        &mut self,
        folder: &Path,
        wanted: impl Fn(&Self) -> Result<Vec<String>>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<BTreeSet<String>> {
        let (packages, root) = (folder.join("deb"), folder.join("root"));
        fs::create_dir(&packages)?;
        fs::create_dir(&root)?;
        let download = |apt: &Self| -> Result<()> {
            let names = wanted(apt)?;
            succeed(apt.command("apt-get").arg("download").args(names).current_dir(&packages))
        };
        if let Err(error) = download(self) {
            ensure!(!interrupt::pressed(), "interrupted");
            // Lists that are old name packages that are gone; a fresh container has none.
            progress("downloading the current lists of packages first");
            self.update(folder).with_context(|| format!("{error:#}; then"))?;
            download(self)?;
        }
        progress("unpacking them");
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&packages)? {
            let package = entry?.path();
            names.extend(package.file_name().map(|name| name.to_string_lossy().into_owned()));
            let mut dpkg = tools::command("dpkg");
            succeed(dpkg.arg("-x").arg(&package).arg(&root))?;
        }
        Ok(names)
    }
}

pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// What the command writes to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {name}; it takes a Debian 12"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{name} failed ({}): {}", output.status, abbreviated(&said));
}

/// What apt complains about: it has an error for each package, and they are all alike. Of another
/// program, all that it says.
fn abbreviated(said: &str) -> String {
    let mut errors = said.lines().filter_map(|line| line.strip_prefix("E: "));
    match (errors.next(), errors.count()) {
        (None, _) => said.trim().to_owned(),
        (Some(error), 0) => error.trim().to_owned(),
        (Some(error), more) => format!("{} (and {more} more)", error.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_of_apt_stands_for_all() {
        let said = "W: careful\nE: Failed to fetch one  Timeout\nE: Failed to fetch two  Timeout\n";
        assert_eq!(abbreviated(said), "Failed to fetch one  Timeout (and 1 more)");
        assert_eq!(abbreviated("E: one\n"), "one");
        assert_eq!(abbreviated("dpkg-deb: error: no archive\n"), "dpkg-deb: error: no archive");
    }
}
