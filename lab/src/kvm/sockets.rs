//! The sockets of a machine.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use anyhow::{Context, Result};

use crate::folder::Folder;

/// A folder for the sockets that QEMU makes, which nobody else has a look into. It is removed when it is dropped. It is where
/// temporary files are, since the path of a socket has 107 bytes at most (unix(7)).
#[derive(Debug)]
pub struct Sockets(Folder);

impl Sockets {
    /// A new folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Result<Self> {
        let folder = Folder::new(&env::temp_dir(), "letregion-sockets")?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700))
            .with_context(|| format!("cannot close {}", folder.path().display()))?;
        Ok(Self(folder))
    }

    /// That of the monitor.
    pub fn monitor(&self) -> PathBuf {
        self.0.path().join("monitor")
    }

    /// That for a debugger.
    pub fn debugger(&self) -> PathBuf {
        self.0.path().join("gdb")
    }
}
