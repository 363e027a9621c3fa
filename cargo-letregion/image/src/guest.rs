//! A guest, as its host knows it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use netif::MacAddr;
use sha2::{Digest as _, Sha256};

use super::line::{Line, is_text};

/// The longest name of a guest.
const LONGEST_NAME: usize = 63;
/// The longest name of an interface of Linux (`IFNAMSIZ`, without the zero).
const LONGEST_INTERFACE: usize = 15;

/// What every engine is told of a guest, each in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    /// Its name, which [`check_name`] has seen.
    pub(crate) name: String,
    /// Where its host has the image: an absolute path.
    pub(crate) image: String,
    /// Its memory, in MiB.
    pub(crate) memory: u32,
    /// Its arguments.
    pub(crate) line: Line,
    /// The TAP device of its host, if it is given one.
    pub(crate) tap: String,
    /// The bridge of its host, if it is given an interface there.
    pub(crate) bridge: String,
}

impl Guest {
    /// Its hardware address: the one that its arguments name, or a local one that is made of its name and address, and so
    /// stays the same.
    pub(super) fn mac(&self) -> MacAddr {
        self.line.mac().unwrap_or_else(|| {
            let digest = Sha256::new()
                .chain_update(&self.name)
                .chain_update([0])
                .chain_update(self.line.ipv4().unwrap_or_default())
                .finalize();
            MacAddr(std::array::from_fn(|place| digest[place])).local()
        })
    }
}

/// Checks the name of a guest, which is one of files, domains and units: ASCII letters, digits, `.`, `_` and `-`, and the
/// first is a letter or digit.
///
/// # Errors
/// It is another one, with what would be right.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_right = is_plain(name, LONGEST_NAME) && name.starts_with(char::is_alphanumeric);
    ensure!(
        is_right,
        "{name:?} is no name for a guest: {LONGEST_NAME} letters at most were expected, of a to z, A to Z, 0 to 9 and, not at \
         the beginning, - . _; --name sets another one"
    );
    Ok(())
}

/// Checks the name of an interface of the host, which `option` names.
///
/// # Errors
/// No interface has it, or none that can be written into every file.
pub(super) fn check_interface(option: &str, name: &str) -> Result<()> {
    let is_right = is_plain(name, LONGEST_INTERFACE) && !matches!(name, "." | "..");
    ensure!(
        is_right,
        "{option} {name:?}: the name of an interface was expected, of {LONGEST_INTERFACE} letters at most (a to z, A to Z, 0 to 9 \
         and - . _)"
    );
    Ok(())
}

fn is_plain(name: &str, longest: usize) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (1..=longest).contains(&name.len()) && name.chars().all(is_plain)
}

/// The path of a file in a folder of the host, as text.
///
/// # Errors
/// The path is not absolute, or cannot be written into every file.
pub(super) fn host_path(folder: &Path, file: &str) -> Result<String> {
    ensure!(
        folder.is_absolute(),
        "{}: engines start a guest from another folder, so an absolute path was expected",
        folder.display()
    );
    let path = folder.join(file);
    let text = path.to_str().filter(|text| is_text(text));
    let text = text.with_context(|| {
        format!("{path:?} cannot be written into a file: a path in UTF-8 without control characters was expected")
    })?;
    Ok(text.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    /// A guest with these arguments, for the tests of every format.
    pub(crate) fn guest(args: &[&str]) -> Guest {
        let args: Vec<_> = args.iter().map(OsString::from).collect();
        Guest {
            name: "echo".into(),
            image: "/srv/guests/echo-kvm".into(),
            memory: 4,
            line: Line::read(&args).unwrap(),
            tap: "tap0".into(),
            bridge: "br0".into(),
        }
    }

    #[test]
    fn a_hardware_address_is_given_or_stays_the_same() {
        let mac = |args: &[&str]| guest(args).mac().to_string();
        assert_eq!(mac(&["--mac=02:00:0a:00:00:07"]), "02:00:0a:00:00:07");
        let own = mac(&["--ipv4=10.0.0.7/24"]);
        assert_eq!(own, mac(&["--ipv4=10.0.0.7/24", "--stats-port=9100"]));
        assert!(guest(&[]).mac().is_station());
        let others = [
            mac(&["--ipv4=10.0.0.8/24"]),
            Guest { name: "other".into(), ..guest(&["--ipv4=10.0.0.7/24"]) }.mac().to_string(),
        ];
        assert!(!others.contains(&own) && others[0] != others[1], "{own} {others:?}");
        // Locally administered, and of one station (IEEE 802).
        assert_eq!(guest(&[]).mac().0[0] & 3, 2);
    }

    #[test]
    fn names_are_plain() {
        for name in ["echo", "my-service_2.1", "0", &"a".repeat(63)] {
            check_name(name).unwrap();
        }
        for name in ["", "-a", ".a", "a b", "a/b", "é", "a\"", "a\n", &"a".repeat(64)] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains("is no name for a guest"), "{name:?}: {error}");
        }
        for name in ["tap0", "xenbr0", "vm-1.2"] {
            check_interface("--tap", name).unwrap();
        }
        for name in ["", ".", "..", "a/b", "tap 0", "a,b", "longer-than-15-a"] {
            let error = check_interface("--tap", name).unwrap_err().to_string();
            assert!(error.starts_with("--tap \""), "{name:?}: {error}");
        }
    }

    #[test]
    fn a_path_is_absolute_text() {
        assert_eq!(host_path(Path::new("/a b"), "echo-kvm").unwrap(), "/a b/echo-kvm");
        let error = |path: &OsStr| host_path(Path::new(path), "x").unwrap_err().to_string();
        assert!(error(OsStr::new("a")).contains("an absolute path was expected"));
        assert!(error(OsStr::new("/a\nb")).contains("without control characters"));
        assert!(error(OsStr::from_bytes(b"/\xff")).contains("a path in UTF-8"));
    }
}
