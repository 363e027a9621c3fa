//! Programs of this machine, in dom0.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{archive::read, machine::Machine};
use crate::{debian::Program, tools};

/// Where programs are that are installed.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

impl Machine {
    /// Puts a program into a folder of dom0, with all libraries that it needs and their loader: `./loader --library-path .
    /// ./NAME` runs it there. Returns its file on this machine.
    ///
    /// # Errors
    /// It is not linked with libraries, or one of them is missing; dom0 does not take them.
    pub fn carry(&self, program: &Program, folder: &str) -> Result<PathBuf> {
        let path = match program.root() {
            Some(_) => program.path().to_path_buf(),
            None => {
                let mut paths = FOLDERS.iter().map(|of| Path::new(of).join(program.path()));
                paths
                    .find(|path| path.is_file())
                    .with_context(|| format!("there is no program {}", program.path().display()))?
            }
        };
        let mut ldd = tools::command("ldd");
        let output = ldd.arg(&path).envs(program.environment()).output();
        let text = String::from_utf8_lossy(&output.context("cannot call ldd")?.stdout).into_owned();
        let library = |line: &str| {
            line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from)
        };
        let libraries: Vec<_> = text.lines().filter_map(library).collect();
        let is_loader = |name: &str| name.starts_with("ld-linux");
        let put = |from: &Path, to: &str| self.write(&format!("{folder}/{to}"), read(from)?);
        put(&path, name(&path)?)?;
        let mut has_loader = false;
        for library in &libraries {
            let name = name(library)?;
            has_loader |= is_loader(name);
            put(library, if is_loader(name) { "loader" } else { name })?;
        }
        ensure!(has_loader, "{} names no loader: {text}", path.display());
        self.succeed("chmod", &["755", &format!("{folder}/loader")])?;
        Ok(path)
    }
}

fn name(path: &Path) -> Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has no name", path.display()))
}
