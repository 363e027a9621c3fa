//! The file that keeps our address from one start to the next (`--dhcp-lease`).
//!
//! It is opened before privileges are given up, and written where it is: a line with an address, or nothing.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    net::Ipv4Addr,
    os::unix::fs::OpenOptionsExt as _,
};

use layer::{Cidr, KeptAddress};
use rt::Error;

use crate::say;

/// The longest line, with spaces up to its end: `255.255.255.255`. All have this length, so each is written at once over the one
/// before.
const LINE: usize = 16;

/// An open file with an address.
#[derive(Debug)]
pub(crate) struct AddressFile {
    path: String,
    file: File,
    kept: Option<Ipv4Addr>,
}

impl AddressFile {
    /// Opens the file, or makes one that only its owner can read, and reads it. What is in it and is no address of a host is
    /// ignored, with a line for people.
    ///
    /// A link, pipe or device of that name is an error: the service would write to what somebody else chose. So is a file that
    /// another program has open here.
    pub(crate) fn open(path: &str) -> Result<Self, Error> {
        let failed = |reason: &dyn std::fmt::Display| {
            Error::new(1, format_args!("--dhcp-lease={path}: {reason}"))
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(|error| failed(&error))?;
        if !file.metadata().map_err(|error| failed(&error))?.is_file() {
            return Err(failed(&"it is not a file: choose another name"));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed(
                    &"another program keeps its address there: choose another name",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let mut bytes = Vec::new();
        // One byte more than the longest file of ours.
        (&file).take(LINE as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        let kept = match parse(&bytes) {
            Ok(kept) => kept,
            Err(()) => {
                say(format_args!(
                    "--dhcp-lease={path}: what is in it is ignored: expected one line with an address, 10.0.0.2"
                ));
                None
            }
        };
        Ok(Self { path: path.into(), file, kept })
    }

    fn write(&self, address: Option<Ipv4Addr>) -> io::Result<()> {
        let mut file = &self.file;
        let Some(address) = address else { return file.set_len(0) };
        file.rewind()?;
        file.write_all(format!("{address:<15}\n").as_bytes())?;
        file.set_len(LINE as u64)
    }
}

impl KeptAddress for AddressFile {
    fn load(&self) -> Option<Ipv4Addr> {
        self.kept
    }

    /// The service goes on without the file if it cannot be written.
    fn store(&self, address: Option<Ipv4Addr>) {
        if let Err(error) = self.write(address) {
            say(format_args!("--dhcp-lease={}: {error}; the address is not kept", self.path));
        }
    }
}

/// The address in a file, if it has one.
fn parse(bytes: &[u8]) -> Result<Option<Ipv4Addr>, ()> {
    if bytes.len() > LINE {
        return Err(());
    }
    let text = str::from_utf8(bytes).map_err(|_| ())?.trim_ascii_end();
    if text.is_empty() {
        return Ok(None);
    }
    let address = layer::parse_ipv4(text).ok_or(())?;
    if Cidr::new(address, 32).is_some_and(Cidr::is_host) { Ok(Some(address)) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::PathBuf,
        process,
    };

    use super::*;

    /// The path of a file that is not there.
    fn path(name: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("{name}-{}.lease", process::id()));
        // Left by a run that was killed.
        let _ = fs::remove_file(&path);
        path
    }

    fn open(path: &std::path::Path) -> Result<AddressFile, Error> {
        AddressFile::open(path.to_str().unwrap())
    }

    const ONE: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 200);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

    #[test]
    fn what_is_kept_is_there_at_the_next_start() {
        let path = path("kept");
        assert_eq!(open(&path).unwrap().load(), None);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        for address in [ONE, OTHER] {
            let file = open(&path).unwrap();
            file.store(Some(OTHER));
            file.store(Some(address));
            drop(file);
            assert_eq!(fs::metadata(&path).unwrap().len(), LINE as u64);
            assert_eq!(open(&path).unwrap().load(), Some(address));
        }
        open(&path).unwrap().store(None);
        assert_eq!(open(&path).unwrap().load(), None);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn nonsense_is_ignored_and_written_over() {
        let path = path("nonsense");
        for nonsense in [
            &b"10.0.0.256\n"[..],
            b"255.255.255.255\n",
            b"127.0.0.1",
            b"0.0.0.0",
            b"10.0.0.7\n10.0.0.8\n",
            b" 10.0.0.7",
            b"10.0.0.7/24",
            b"lease",
            b"\xff\xfe\0",
            &[b'7'; 100_000],
        ] {
            fs::write(&path, nonsense).unwrap();
            let file = open(&path).unwrap();
            assert_eq!(file.load(), None, "{nonsense:?}");
            file.store(Some(OTHER));
            drop(file);
            assert_eq!(open(&path).unwrap().load(), Some(OTHER));
        }
        for written_by_hand in ["10.0.0.7", "10.0.0.7\n", "10.0.0.7  \r\n"] {
            fs::write(&path, written_by_hand).unwrap();
            assert_eq!(open(&path).unwrap().load(), Some(OTHER));
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_file_of_ours_is_refused() {
        let (there, link) = (path("there"), path("link"));
        fs::write(&there, "10.0.0.7").unwrap();
        symlink(&there, &link).unwrap();
        let first = open(&there).unwrap();
        for (path, words) in [
            (&*link, "links"),
            ("/dev/null".as_ref(), "it is not a file"),
            ("/".as_ref(), "directory"),
            ("/no/such/folder/lease".as_ref(), "No such file"),
            (&*there, "another program keeps its address there"),
        ] {
            let error = open(path).unwrap_err();
            let begin = format!("--dhcp-lease={}: ", path.display());
            assert_eq!(error.status(), 1);
            assert!(
                error.message().starts_with(&begin) && error.message().contains(words),
                "{error}"
            );
        }
        drop(first);
        assert_eq!(open(&there).unwrap().load(), Some(OTHER));
        fs::remove_file(there).unwrap();
        fs::remove_file(link).unwrap();
    }

    #[test]
    fn a_full_disk_is_said_and_nothing_else() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let file = AddressFile { path: "full".into(), file, kept: None };
        assert!(file.write(Some(ONE)).is_err());
        file.store(Some(ONE));
    }
}
