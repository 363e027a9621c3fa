//! What takes the room in an image, by crate, from its table of lines.

use std::{cmp::Reverse, collections::BTreeMap, fmt, fs, path::Path};

use addr2line::Loader;
use anyhow::{Context, Result, anyhow};
use object::{Object as _, ObjectSection as _, SectionKind};

/// Code that no line of a source stands for: assembly, and what fills up between functions.
const NO_SOURCE: &str = "(no source)";

/// Bytes by crate, and of what is no code by section.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shares(BTreeMap<String, u64>);

impl Shares {
    /// Those of an image that is not stripped.
    ///
    /// # Errors
    /// It cannot be read, or is no ELF file.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let failed = || format!("cannot read the image {}", path.display());
        let bytes = fs::read(path).with_context(failed)?;
        let image = object::File::parse(&*bytes).with_context(failed)?;
        let lines = Loader::new(path).map_err(|error| anyhow!("{error}")).with_context(failed)?;
        let mut shares = Self::default();
        // What is for the debugger alone has no address.
        let in_memory = image
            .sections()
            .filter(|section| section.address() > 0 && section.file_range().is_some());
        for section in in_memory {
            let start = section.address();
            if section.kind() == SectionKind::Text {
                for address in start..start + section.size() {
                    shares.add(&owner(&lines, address), 1);
                }
            } else {
                shares.add(&format!("({})", section.name().unwrap_or_default()), section.size());
            }
        }
        Ok(shares)
    }

    fn add(&mut self, owner: &str, size: u64) {
        match self.0.get_mut(owner) {
            Some(share) => *share += size,
            None => drop(self.0.insert(owner.to_owned(), size)),
        }
    }
}

/// The largest first.
impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shares: Vec<_> = self.0.iter().collect();
        shares.sort_by_key(|(_, size)| Reverse(**size));
        for (owner, size) in shares {
            writeln!(f, "  {owner:<20} {size:>6}")?;
        }
        Ok(())
    }
}

/// The crate that wrote the code at `address`, wherever it was built in. What it has of Rust's own libraries in
/// between is its own; functions of theirs that stand alone are theirs.
fn owner(lines: &Loader, address: u64) -> String {
    let mut owner = None;
    let Ok(mut frames) = lines.find_frames(address) else { return NO_SOURCE.into() };
    while let Ok(Some(frame)) = frames.next() {
        let file = frame.location.and_then(|location| location.file);
        if let Some(of_file) = file.and_then(crate_of) {
            let is_rusts = matches!(of_file, "alloc" | "core");
            owner = Some(of_file.to_owned());
            if !is_rusts {
                break;
            }
        }
    }
    owner.unwrap_or_else(|| NO_SOURCE.into())
}

/// The crate of a file: the folder that has `src`, without the version that it has if it was downloaded.
fn crate_of(file: &str) -> Option<&str> {
    let (folder, _) = file.rsplit_once("/src/")?;
    let name = folder.rsplit('/').next()?;
    let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    Some(match name.rsplit_once('-') {
        Some((name, version)) if is_version(version) => name,
        _ => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_of_a_file_is_its_folder() {
        for (file, name) in [
            ("/home/me/letregion/rt-xen/src/xenstore/client.rs", Some("rt-xen")),
            ("/home/me/src/letregion/apps/echo/src/main.rs", Some("echo")),
            ("/rustc/59807616e1fa/library/core/src/fmt/mod.rs", Some("core")),
            (
                "/home/me/.cargo/registry/src/index/ascon-xof128-0.2.1/src/lib.rs",
                Some("ascon-xof128"),
            ),
            ("main.rs", None),
        ] {
            assert_eq!(crate_of(file), name, "{file}");
        }
    }

    #[test]
    fn the_shares_are_in_order_of_size() {
        let mut shares = Shares::default();
        for (owner, size) in [("arp", 7), ("udp", 30), ("arp", 5)] {
            shares.add(owner, size);
        }
        assert_eq!(
            shares.to_string().split_whitespace().collect::<Vec<_>>(),
            ["udp", "30", "arp", "12"]
        );
    }

    /// This very program: its code is found to be somebody's, and nearly all of it is.
    #[test]
    fn the_code_of_a_program_is_found() {
        let program = std::env::current_exe().unwrap();
        let lines = Loader::new(&program).unwrap();
        let image = fs::read(&program).unwrap();
        let image = object::File::parse(&*image).unwrap();
        let symbols: Vec<_> = object::Object::symbols(&image).collect();
        let ours = symbols.iter().find(|symbol| {
            let name = object::ObjectSymbol::name(*symbol).unwrap_or_default();
            name.contains("size6shares") && name.contains("crate_of")
        });
        let address = object::ObjectSymbol::address(ours.expect("a symbol of this file"));
        assert_eq!(owner(&lines, address), "size");
    }
}
