//! How many files a process may have open.

use nix::{
    Result,
    sys::resource::{Resource, getrlimit, setrlimit},
};

/// Lets this process have as many files and sockets open as the system allows it; returns how many.
///
/// # Errors
/// Those of the operating system.
pub fn raise_file_limit() -> Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_highest() {
        let most = raise_file_limit().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (most, most));
    }
}
