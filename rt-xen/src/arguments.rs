//! The command line of the guest, as its arguments.
//!
//! Spaces separate arguments. Between double quotes a space is one like any other character, and the
//! quotes themselves are left out, as the kernel of Linux does it: `--interface="my vif"` is one argument,
//! `""` an empty one. There is no escape: an argument cannot hold a double quote.

use core::{fmt, str};

use rt::Error;
use rt_regions::Region;

/// The most arguments that there can be.
const MOST: usize = 64;

/// Takes `line` apart; what is returned stands in `region`.
///
/// # Errors
/// Too many arguments, a quote without its second, what is not UTF-8, an argument that has no meaning on
/// this platform (status 2), no room in the region (status 1).
pub(crate) fn read<'r>(line: &[u8], region: &'r Region<'_>) -> Result<&'r [&'r str], Error> {
    let line = str::from_utf8(line).map_err(|error| {
        let place = error.valid_up_to();
        Error::new(2, format_args!("the command line is not UTF-8 at its byte {place}"))
    })?;
    let text = region.alloc_slice(line.as_bytes())?;
    // Where each argument ends; it begins where the one before ended.
    let mut ends = [0; MOST];
    let (mut count, mut length) = (0, 0);
    let (mut inside, mut quoted) = (false, false);
    // A space after the last one.
    for byte in line.bytes().chain([b' ']) {
        let space = byte.is_ascii_whitespace() || byte == 0;
        if byte == b'"' {
            quoted = !quoted;
            inside = true;
        } else if quoted || !space {
            // Never further than what was read, but for the space after the last one within quotes.
            if let Some(place) = text.get_mut(length) {
                *place = byte;
                length += 1;
            }
            inside = true;
        } else if inside {
            let end = ends.get_mut(count).ok_or_else(|| {
                Error::new(2, format_args!("the command line has more than {MOST} arguments"))
            })?;
            *end = length;
            count += 1;
            inside = false;
        }
    }
    if quoted {
        return Err(Error::new(2, "the command line has a quotation mark (\") without its second"));
    }
    let arguments = region.alloc_slice_with(count, |_| "")?;
    let mut start = 0;
    for (argument, end) in arguments.iter_mut().zip(ends) {
        // Whole characters were copied, so this is UTF-8.
        *argument = str::from_utf8(&text[start..end]).unwrap_or_default();
        start = end;
    }
    check(arguments)?;
    Ok(arguments)
}

/// Refuses what is an argument on other platforms only.
fn check(arguments: &[&str]) -> Result<(), Error> {
    for argument in arguments {
        let name = argument.split_once('=').map_or(*argument, |(name, _)| name);
        let reason = match name {
            "--memory" => "on Xen the memory is that of the domain: memory= in its file, in MiB",
            "--profile" | "--profile-every" => "on Xen there is no file to write a profile to",
            _ => continue,
        };
        return Err(bad(argument, reason));
    }
    Ok(())
}

fn bad(argument: impl fmt::Display, reason: &str) -> Error {
    Error::new(2, format_args!("{argument}: {reason}"))
}

#[cfg(test)]
mod tests {
    use std::{mem::MaybeUninit, string::String, vec, vec::Vec};

    use rt_regions::Pool;

    use super::*;

    fn split(line: &[u8]) -> Result<Vec<String>, Error> {
        let mut memory = vec![MaybeUninit::uninit(); 1 << 16];
        let pool = Pool::new(&mut memory);
        let region = Region::new(&pool, "global");
        let arguments = read(line, &region)?;
        Ok(arguments.iter().map(|&argument| argument.into()).collect())
    }

    #[test]
    fn spaces_separate_and_quotes_hold_together() {
        for (line, arguments) in [
            ("", &[][..]),
            (" \t\r\n ", &[]),
            ("a", &["a"]),
            ("  --ipv4=10.0.0.2/24   --log all\n", &["--ipv4=10.0.0.2/24", "--log", "all"]),
            ("\"a b\" c", &["a b", "c"]),
            ("--interface=\"my  vif\"x y", &["--interface=my  vifx", "y"]),
            ("\"\" \"\"\"\" a\"\"", &["", "", "a"]),
            ("a \" b\"", &["a", " b"]),
            ("'a b' \\\"c d\\\"", &["'a", "b'", "\\c d\\"]),
            ("é=\"ü ß\"", &["é=ü ß"]),
            ("a\0b\0", &["a", "b"]),
        ] {
            assert_eq!(split(line.as_bytes()).unwrap(), arguments, "{line:?}");
        }
    }

    #[test]
    fn a_bad_command_line_is_an_error_in_words() {
        let many = "x ".repeat(65);
        for (line, words) in [
            (&b"a \xff"[..], "the command line is not UTF-8 at its byte 2"),
            (b"a\xc3", "the command line is not UTF-8 at its byte 1"),
            (b"a \"b c", "the command line has a quotation mark (\") without its second"),
            (b"\"", "the command line has a quotation mark (\") without its second"),
            (many.as_bytes(), "the command line has more than 64 arguments"),
        ] {
            let error = split(line).unwrap_err();
            assert_eq!((error.status(), error.message()), (2, words));
        }
        assert_eq!(split(&many.as_bytes()[2..]).unwrap().len(), 64);
    }

    #[test]
    fn what_makes_no_sense_on_xen_is_refused() {
        for (line, words) in [
            ("--memory=64M", "--memory=64M: on Xen the memory is that of the domain: memory= in"),
            ("x --memory 64M", "--memory: on Xen the memory is that of the domain"),
            ("--profile=run.csv", "--profile=run.csv: on Xen there is no file to write"),
            ("--profile-every 7", "--profile-every: on Xen there is no file"),
        ] {
            let error = split(line.as_bytes()).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.message().starts_with(words), "{error}");
        }
        assert_eq!(split(b"--memories=1").unwrap(), ["--memories=1"]);
    }

    #[test]
    fn any_bytes_are_arguments_or_an_error() {
        let mut state = 5_u64;
        for _ in 0..20_000 {
            let line: Vec<_> = (0..state % 60)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e);
                    b"\" aa\xc3\xa9\0"[(state >> 33) as usize % 7]
                })
                .collect();
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            if let Ok(arguments) = split(&line) {
                // Nothing is lost but spaces and quotes.
                let kept = |bytes: &[u8]| -> Vec<_> {
                    bytes.iter().copied().filter(|byte| !b"\" \0".contains(byte)).collect()
                };
                let joined = kept(arguments.concat().as_bytes());
                assert_eq!(joined, kept(&line), "{line:?}");
            }
        }
    }
}
