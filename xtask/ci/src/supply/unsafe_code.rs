//! Where unsafe code is, and where it is forbidden.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, Package, TargetKind};

use crate::metadata::metadata;

/// The packages that may have unsafe code, and why. All others forbid it.
const ALLOWED: [(&str, &str); 10] = [
    ("rt-regions", "memory that is handed out"),
    ("letregion-rt-unix", "memory that is mapped, signals, the sandbox, the arguments of `main`"),
    ("letregion-rt-pvh", "the entry of a guest, page tables, exceptions, its memory"),
    ("letregion-rt-kvm", "the registers of the processor, of interrupts and of devices"),
    ("letregion-rt-xen", "hypercalls, shared pages"),
    ("letregion-netif-tap", "the control of a TAP device"),
    ("letregion-netif-xen", "pages that are shared with another domain"),
    ("letregion-netif-virtio", "pages that are shared with a device"),
    ("guest", "a test: a guest that crashes on purpose, in every way"),
    ("rt-regions-bench", "a benchmark: pages that a driver would have filled"),
];

/// The attribute that a crate which must not have it begins with.
const FORBIDDEN: &str = "#![forbid(unsafe_code)]";

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    blocks: usize,
    functions: usize,
    /// Traits too.
    implementations: usize,
    /// `#[unsafe(no_mangle)]` and its like.
    attributes: usize,
}

/// Checks that every library and every program of ours forbids unsafe code, but for [`ALLOWED`], and that
/// neither tests nor examples of those that do have any.
pub(super) fn check_forbidden() -> Result<()> {
    let metadata = metadata()?;
    for (name, _) in ALLOWED {
        ensure!(metadata.packages.iter().any(|package| package.name == name), "no crate {name}");
    }
    for package in metadata.packages.iter().filter(|package| !is_allowed(package)) {
        for target in &package.targets {
            let text = read(target.src_path.as_std_path())?;
            let is_built =
                [TargetKind::Lib, TargetKind::Bin].iter().any(|it| target.kind.contains(it));
            let forbids = text.lines().any(|line| line == FORBIDDEN);
            ensure!(!is_built || forbids, "{} lacks {FORBIDDEN}", target.src_path);
        }
        let counts = count_folder(package)?;
        ensure!(counts == Counts::default(), "{} has unsafe code: {counts:?}", package.name);
    }
    Ok(())
}

fn is_allowed(package: &Package) -> bool {
    ALLOWED.iter().any(|(name, _)| package.name == *name)
}

/// What the page says of unsafe code.
pub(super) fn section() -> Result<String> {
    let metadata = metadata()?;
    let mut text = "\n## Unsafe code of ours\n\n\
        Counted in all the sources of a crate, those of its tests and examples too, by the word `unsafe` and what \
        follows it;\nwhat a macro makes is counted once, where the macro is. Every crate that is not listed begins \
        with\n`#![forbid(unsafe_code)]`. What is in the crates of others is not counted.\n\n\
        | crate | blocks | functions | traits and their implementations | attributes | for |\n\
        |---|--:|--:|--:|--:|---|\n"
        .to_owned();
    for (name, counts) in count_all(&metadata)? {
        let Counts { blocks, functions, implementations, attributes } = counts;
        let why = ALLOWED.iter().find(|(allowed, _)| *allowed == name).map_or("", |(_, why)| why);
        writeln!(
            text,
            "| `{name}` | {blocks} | {functions} | {implementations} | {attributes} | {why} |"
        )?;
    }
    Ok(text)
}

fn count_all(metadata: &Metadata) -> Result<BTreeMap<String, Counts>> {
    let listed = metadata.packages.iter().filter(|package| is_allowed(package));
    listed.map(|package| Ok((package.name.to_string(), count_folder(package)?))).collect()
}

fn count_folder(package: &Package) -> Result<Counts> {
    let folder = package.manifest_path.parent().context("a manifest is in a folder")?;
    let mut counts = Counts::default();
    walk(folder.as_std_path(), true, &mut counts)?;
    Ok(counts)
}

/// Counts in `folder` and below, but not in another crate's.
fn walk(folder: &Path, top: bool, counts: &mut Counts) -> Result<()> {
    if !top && folder.join("Cargo.toml").is_file()
        || folder.file_name().is_some_and(|it| it == "target")
    {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, false, counts)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            counts.add(&read(&path)?);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

impl Counts {
    /// Adds what a source has. Comments end a line; rustfmt puts what follows `unsafe` beside it.
    fn add(&mut self, source: &str) {
        for line in source.lines() {
            let code = line.split("//").next().unwrap_or_default();
            for (at, word) in code.match_indices("unsafe") {
                let is_part = |byte: Option<&u8>| {
                    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
                };
                let (before, after) = (&code.as_bytes()[..at], &code[at + word.len()..]);
                if is_part(before.last()) || is_part(after.as_bytes().first()) {
                    continue;
                }
                let after = after.trim_start();
                if after.starts_with('{') {
                    self.blocks += 1;
                } else if after.starts_with("fn") || after.starts_with("extern") {
                    self.functions += 1;
                } else if after.starts_with("impl") || after.starts_with("trait") {
                    self.implementations += 1;
                } else if after.starts_with('(') {
                    self.attributes += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_word_counts() {
        // Written so that the check finds nothing in this file.
        let source = [
            "#![forbid(UNSAFE_code)]",
            "// UNSAFE { }",
            "let a = UNSAFE { b }; UNSAFE {",
            "UNSAFE fn c() {}",
            "UNSAFE extern \"C\" {}",
            "UNSAFE impl D for E {}",
            "#[UNSAFE(no_mangle)]",
            "let not_UNSAFE = 1;",
        ];
        let mut counts = Counts::default();
        counts.add(&source.join("\n").replace("UNSAFE", "unsafe"));
        let expected = Counts { blocks: 2, functions: 2, implementations: 1, attributes: 1 };
        assert_eq!(counts, expected);
    }

    #[test]
    fn unsafe_code_is_only_where_it_may_be() {
        check_forbidden().unwrap();
    }
}
