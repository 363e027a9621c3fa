//! What a service is asked.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, path::Path};

use anyhow::{Context as _, Result, ensure};

/// The most that a UDP datagram carries over IPv4, in bytes: 65,535 without the two headers.
pub const LONGEST_REQUEST: usize = 65_507;

/// The request that was asked for: a text, or the content of a file, as it is; none if it was neither.
///
/// # Errors
/// The file cannot be read.
pub fn request(text: Option<&OsStr>, file: Option<&Path>) -> Result<Option<Vec<u8>>> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(file)) => fs::read(file)
            .with_context(|| format!("cannot read the request {}", file.display()))
            .map(Some),
        (None, None) => Ok(None),
    }
}

/// Checks that a request fits a datagram.
///
/// # Errors
/// It does not: with its length.
pub fn check_length(request: &[u8]) -> Result<()> {
    ensure!(
        request.len() <= LONGEST_REQUEST,
        "the request has {} bytes; a UDP datagram carries {LONGEST_REQUEST} at most",
        request.len()
    );
    Ok(())
}
