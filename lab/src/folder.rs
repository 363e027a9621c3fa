//! Folders that are there for as long as a process needs them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};

/// A folder of this process, which is removed when it is dropped, or, if the process was killed, by the
/// next one that makes one of the same kind.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new folder `KIND-PROCESS-NUMBER` in `parent`, which is made if there is none.
    pub(crate) fn new(parent: &Path, kind: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{kind}-{}-{number}", process::id()));
        let make = || -> io::Result<()> {
            fs::create_dir_all(parent)?;
            sweep(parent, kind)?;
            fs::create_dir(&path)
        };
        make().with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What sets this folder apart from others of its kind.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes folders of this kind whose process is gone. What somebody else has called otherwise than [`Folder::new`] does stays.
fn sweep(parent: &Path, kind: &str) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| process_of(name, kind));
        if let Some(process) = process
            && process != process::id()
            && !Path::new(&format!("/proc/{process}")).exists()
        {
            // Another process may be at it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// The process whose folder of this kind has this name, `KIND-PROCESS-NUMBER`.
fn process_of(name: &str, kind: &str) -> Option<u32> {
    let (process, number) = name.strip_prefix(kind)?.strip_prefix('-')?.split_once('-')?;
    let (process, number) = (process.parse::<u32>().ok()?, number.parse::<u32>().ok()?);
    // Numbers are read in other forms too.
    (name == format!("{kind}-{process}-{number}")).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_go_with_their_owner_or_with_the_next() {
        let parent = std::env::temp_dir().join(format!("folders-{}", process::id()));
        // The number of no process: Linux stops at 2^22.
        let left = parent.join("kind-4294967295-0");
        fs::create_dir_all(left.join("in it")).unwrap();
        let theirs = [
            "other-4294967295-0",
            "kind-4294967295-notes",
            "kind-4294967295-0-notes",
            "kind-4294967295-00",
            "kind-4294967295",
        ];
        let theirs = theirs.map(|name| parent.join(name));
        for folder in &theirs {
            fs::create_dir_all(folder).unwrap();
        }
        let one = Folder::new(&parent, "kind").unwrap();
        let two = Folder::new(&parent, "kind").unwrap();
        assert!(one.path().is_dir() && two.path().is_dir() && one.path() != two.path());
        assert!(!left.exists());
        for folder in &theirs {
            assert!(folder.exists(), "{} is somebody else's", folder.display());
        }
        let path = one.path().to_owned();
        fs::write(path.join("file"), "x").unwrap();
        drop(one);
        assert!(!path.exists() && two.path().is_dir());
        fs::remove_dir_all(&parent).unwrap();
    }
}
