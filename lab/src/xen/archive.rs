//! An initramfs: an archive in the format of cpio(5), "new ASCII".

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use cpio::newc::{Builder, trailer};
use object::{
    Endianness,
    elf::FileHeader64,
    read::elf::{Dyn as _, FileHeader as _},
};

/// What is executed: a program or a script.
const EXECUTABLE: u32 = 0o100_755;
const FOLDER: u32 = 0o040_755;
const LINK: u32 = 0o120_777;

/// An archive that is being written.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    /// The folders and libraries in it.
    known: BTreeSet<String>,
    inode: u32,
}

impl Archive {
    /// Adds a file that may be executed, under this path without a leading slash.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.entry(path, EXECUTABLE, content)
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, path: &str, to: &str) -> Result<()> {
        self.entry(path, LINK, to.as_bytes())
    }

    /// Adds a folder and those above it.
    pub(super) fn folder(&mut self, path: &str) -> Result<()> {
        if path.is_empty() || !self.known.insert(path.to_owned()) {
            return Ok(());
        }
        self.entry(path, FOLDER, &[])
    }

    /// Adds a program from `root`, where it has the same path, and the libraries that it needs.
    pub(super) fn program(&mut self, root: &Path, path: &str) -> Result<()> {
        let content = read(&root.join(path))?;
        self.file(path, &content)?;
        self.libraries(root, path, &content)
    }

    /// Adds a library from `root` and those that it needs itself.
    pub(super) fn library(&mut self, root: &Path, name: &str) -> Result<()> {
        // Both folders are among those that ld.so looks into.
        let path = format!("usr/lib/x86_64-linux-gnu/{name}");
        if !self.known.insert(path.clone()) {
            return Ok(());
        }
        let places = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
        let mut places = places.map(|place| root.join(place).join(name)).into_iter();
        let found: PathBuf = places
            .find(|place| place.exists())
            .with_context(|| format!("the library {name} is in none of the packages"))?;
        let content = read(&found)?;
        self.file(&path, &content)?;
        self.libraries(root, name, &content)
    }

    fn libraries(&mut self, root: &Path, of: &str, content: &[u8]) -> Result<()> {
        let names =
            needed(content).with_context(|| format!("{of} is no program for this machine"))?;
        names.iter().try_for_each(|name| self.library(root, name))
    }

    /// The archive.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        Ok(trailer(self.bytes)?)
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.folder(parent)?;
        }
        self.inode += 1;
        let mut write = || -> io::Result<()> {
            let size = u32::try_from(content.len()).map_err(io::Error::other)?;
            let header = Builder::new(path).ino(self.inode).mode(mode);
            let mut entry = header.write(&mut self.bytes, size);
            entry.write_all(content)?;
            entry.finish()?;
            Ok(())
        };
        write().with_context(|| format!("cannot archive {path}"))
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The names of the libraries that a program or library asks for (`DT_NEEDED`).
fn needed(elf: &[u8]) -> Result<Vec<String>> {
    let header = FileHeader64::<Endianness>::parse(elf)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, elf)?;
    let Some((entries, strings)) = sections.dynamic(endian, elf)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, elf, strings)?;
    let mut names = Vec::new();
    for entry in entries.iter().filter(|entry| entry.tag(endian) == object::elf::DT_NEEDED) {
        names.push(String::from_utf8(entry.string(endian, strings)?.to_vec())?);
    }
    // The loader is asked for by name too, but lives elsewhere.
    names.retain(|name| !name.starts_with("ld-linux"));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use cpio::NewcReader;

    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them_and_once() {
        let mut archive = Archive::default();
        archive.file("usr/bin/one", b"1").unwrap();
        archive.link("usr/bin/two", "one").unwrap();
        let bytes = archive.finish().unwrap();
        let (mut rest, mut names) = (&bytes[..], Vec::new());
        loop {
            let entry = NewcReader::new(rest).unwrap();
            if entry.entry().is_trailer() {
                break;
            }
            names.push((entry.entry().name().to_owned(), entry.entry().mode()));
            rest = entry.finish().unwrap();
        }
        let expected = [
            ("usr", FOLDER),
            ("usr/bin", FOLDER),
            ("usr/bin/one", EXECUTABLE),
            ("usr/bin/two", LINK),
        ];
        assert_eq!(names, expected.map(|(name, mode)| (name.to_owned(), mode)));
    }

    #[test]
    fn a_program_names_its_libraries() {
        let this = fs::read("/proc/self/exe").unwrap();
        let names = needed(&this).unwrap();
        assert!(names.iter().any(|name| name == "libc.so.6"), "{names:?}");
        assert!(needed(b"#!/bin/sh\n").is_err());
    }
}
