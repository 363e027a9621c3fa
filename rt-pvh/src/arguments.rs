//! The arguments in the command line of the guest.
//!
//! Spaces separate arguments. Inside double quotes a space is an ordinary character. The quotes themselves are removed,
//! as in the Linux kernel: `--interface="my vif"` is one argument, and `""` is an empty one. There is no escape
//! character, so an argument cannot contain a double quote.

#[cfg(feature = "cores")]
use core::fmt;

use layer::split::split_once;
use rt::Error;
use rt_regions::Region;

use crate::monitor_words::is_of_monitor;

/// The largest number of arguments.
const MOST: usize = 64;

/// The arguments of the program.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'r> {
    /// The arguments, each followed by a zero byte.
    text: &'r str,
    /// Whether weak entropy is refused: `--entropy=strong`. This argument belongs to the platform, and the program does
    /// not see it.
    pub strong_entropy: bool,
}

/// Why a machine cannot be used with so many processors as its command line asks for.
#[cfg(feature = "cores")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What was expected.
    Argument(&'static str),
    /// More were asked for than there are.
    TooMany {
        /// How many were asked for.
        count: usize,
        /// How many there are.
        there: usize,
    },
    /// All were asked for, and nothing says how many there are.
    Unknown,
}

#[cfg(feature = "cores")]
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(expected) => write!(f, "--cores: {expected}"),
            Self::TooMany { count, there } => {
                write!(f, "--cores={count}: the machine has {there}")
            }
            Self::Unknown => f.write_str(
                "--cores=all: no ACPI table below 1 GiB says how many there are; say a number",
            ),
        }
    }
}

/// How many processors the program of a machine with this command line uses. `there` says how many there are, if that is
/// known; it is not asked for one processor.
///
/// # Errors
/// The argument is wrong, or there are not so many.
#[cfg(feature = "cores")]
pub fn processors(line: &str, there: impl FnOnce() -> Option<usize>) -> Result<usize, Refusal> {
    let wanted = cores(line).map_err(Refusal::Argument)?;
    if wanted == Wanted::Count(1) {
        return Ok(1);
    }
    match (wanted, there()) {
        (Wanted::Count(count), Some(there)) if count > there => {
            Err(Refusal::TooMany { count, there })
        }
        (Wanted::Count(count), _) => Ok(count),
        (Wanted::All, Some(there)) => Ok(there.min(cores::MAX_CORES)),
        (Wanted::All, None) => Err(Refusal::Unknown),
    }
}

/// How many cores the command line asks for: `--cores`.
#[cfg(feature = "cores")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// So many.
    Count(usize),
    /// All there are.
    All,
}

/// How many cores `line` asks for; one if it does not say.
///
/// # Errors
/// What was expected.
#[cfg(feature = "cores")]
fn cores(line: &str) -> Result<Wanted, &'static str> {
    const NAME: &str = "--cores";
    const EXPECTED: &str = "expected --cores=1 to --cores=32, once, or --cores=all";
    let mut found = None;
    let (mut rest, mut quoted) = (line, false);
    // Spaces within quotes separate nothing.
    let mut is_end = |c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    };
    while !rest.is_empty() {
        let end = rest.find(&mut is_end).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        // As long as the longest that is right, and one byte more.
        let mut argument = [0; NAME.len() + "=all".len() + 1];
        let letters = word.bytes().filter(|byte| *byte != b'"');
        let length = argument.iter_mut().zip(letters).map(|(place, byte)| *place = byte).count();
        let Some(value) = argument[..length].strip_prefix(NAME.as_bytes()) else { continue };
        let most = cores::MAX_CORES as u64;
        let wanted = match value {
            b"=all" => Wanted::All,
            [b'=', number @ ..] => match layer::decimal(number, most) {
                Some(count @ 1..) => Wanted::Count(count as usize),
                _ => return Err(EXPECTED),
            },
            [] => return Err(EXPECTED),
            // Another argument, whose name is longer.
            _ => continue,
        };
        if found.replace(wanted).is_some() {
            return Err(EXPECTED);
        }
    }
    Ok(found.unwrap_or(Wanted::Count(1)))
}

impl<'r> Arguments<'r> {
    /// Splits `line` into arguments, which are copied to `region`.
    ///
    /// # Errors
    /// Too many arguments, a missing closing quote, an argument that has no meaning on this platform (status 2), or no
    /// room in the region (status 1).
    pub fn read(line: &str, region: &'r Region<'_>) -> Result<Self, Error> {
        Self::split(line, region, None)
    }

    /// Splits `line` as [`read`](Self::read) does, but leaves out the words that virtual machine monitors add to a
    /// command line for Linux, and that their documents tell users to write. Returns those beside the arguments, with a space
    /// after each. A word that begins with a quote is the program's, whatever it says.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_beside_words(line: &str, region: &'r Region<'_>) -> Result<(Self, &'r str), Error> {
        let mut words = (region.alloc_slice_with(line.len() + 1, |_| 0)?, 0);
        let arguments = Self::split(line, region, Some(&mut words))?;
        let (words, length) = words;
        // Whole words were copied, so this is UTF-8.
        Ok((arguments, str::from_utf8(&words[..length]).unwrap_or_default()))
    }

    /// Splits `line`. Words of monitors are moved to `words`, the text and its length, if there is one.
    #[inline(never)]
    fn split(
        line: &str,
        region: &'r Region<'_>,
        mut words: Option<&mut (&'r mut [u8], usize)>,
    ) -> Result<Self, Error> {
        let text = region.alloc_slice_with(line.len() + 1, |_| 0)?;
        let (mut start, mut length, mut count) = (0, 0, 0);
        let (mut inside, mut quoted, mut is_quoted) = (false, false, false);
        let mut strong_entropy = None;
        // A space ends the last argument.
        for mut byte in line.bytes().chain([b' ']) {
            if byte == b'"' {
                quoted = !quoted;
                // A word is the program's if it begins so.
                (inside, is_quoted) = (true, is_quoted || !inside);
                continue;
            }
            if byte.is_ascii_whitespace() && !quoted {
                byte = 0;
            }
            if byte != 0 {
                inside = true;
            } else if !inside {
                continue;
            }
            // Never beyond the bytes that were read.
            if let Some(place) = text.get_mut(length) {
                *place = byte;
                length += 1;
            }
            if byte == 0 {
                let is_free = !is_quoted;
                (inside, is_quoted) = (false, false);
                // Whole characters were copied, so this is UTF-8.
                let argument = str::from_utf8(&text[start..length - 1]).unwrap_or_default();
                if let Some((words, end)) = &mut words
                    && is_free
                    && is_of_monitor(argument)
                    && let Some([place @ .., space]) = words.get_mut(*end..*end + length - start)
                {
                    place.copy_from_slice(argument.as_bytes());
                    *space = b' ';
                    *end += length - start;
                    length = start;
                    continue;
                }
                count += 1;
                if count > MOST {
                    let most = format_args!("the command line has more than {MOST} arguments");
                    return Err(Error::new(2, most));
                }
                match look(argument, &mut strong_entropy) {
                    Look::Ours => length = start,
                    Look::Others => start = length,
                    Look::Wrong(reason) => {
                        return Err(Error::new(2, format_args!("{argument}: {reason}")));
                    }
                }
            }
        }
        if quoted {
            return Err(Error::new(
                2,
                "the command line has a quotation mark (\") without its second",
            ));
        }
        let text = str::from_utf8(&text[..length]).unwrap_or_default();
        Ok(Self { text, strong_entropy: strong_entropy == Some(true) })
    }

    /// Iterates over the arguments.
    pub fn iter(self) -> impl Iterator<Item = &'r str> {
        // Each argument ends with a zero byte, so nothing follows the last one.
        let mut rest = self.text;
        core::iter::from_fn(move || {
            let (argument, others) = split_once(rest, 0);
            rest = others?;
            Some(argument)
        })
    }
}

/// The kind of an argument on this platform.
enum Look {
    /// The argument belongs to the platform.
    Ours,
    /// The argument belongs to the program.
    Others,
    /// The argument is refused: it exists only on other platforms, or its value is wrong.
    Wrong(&'static str),
}

fn look(argument: &str, strong_entropy: &mut Option<bool>) -> Look {
    let (name, value) = split_once(argument, b'=');
    Look::Wrong(match name {
        "--memory" => "a guest has the memory that it is started with",
        "--pcap" | "--profile" | "--profile-every" => "a guest has no file to write to",
        "--entropy" if strong_entropy.is_some() => "a second time",
        "--entropy" if matches!(value, Some("strong" | "any")) => {
            *strong_entropy = Some(value == Some("strong"));
            return Look::Ours;
        }
        "--entropy" => "expected --entropy=strong or --entropy=any",
        // They were read before there was memory.
        #[cfg(feature = "cores")]
        "--cores" => return Look::Ours,
        _ => return Look::Others,
    })
}

#[cfg(test)]
mod tests {
    use std::{mem::MaybeUninit, string::String, vec, vec::Vec};

    use rt_regions::Pool;

    use super::*;

    fn split(line: &str) -> Result<Vec<String>, Error> {
        let mut memory = vec![MaybeUninit::uninit(); 1 << 16];
        let pool = Pool::new(&mut memory);
        let region = Region::new(&pool, "global");
        let arguments = Arguments::read(line, &region)?;
        Ok(arguments.iter().map(String::from).collect())
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
            assert_eq!(split(line).unwrap(), arguments, "{line:?}");
        }
    }

    #[test]
    fn a_bad_command_line_is_an_error_in_words() {
        let many = "x ".repeat(65);
        for (line, words) in [
            ("a \"b c", "the command line has a quotation mark (\") without its second"),
            ("\"", "the command line has a quotation mark (\") without its second"),
            (&many, "the command line has more than 64 arguments"),
        ] {
            let error = split(line).unwrap_err();
            assert_eq!((error.status(), error.message()), (2, words));
        }
        assert_eq!(split(&many[2..]).unwrap().len(), 64);
    }

    #[test]
    fn no_program_has_an_argument_of_these_names() {
        for name in ["--memory", "--pcap", "--profile", "--profile-every", "--entropy"] {
            assert!(!matches!(look(name, &mut None), Look::Others), "{name}");
            assert!(!rt::private::is_free(name), "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_in_a_guest_is_refused() {
        for (line, words) in [
            ("--memory=64M", "--memory=64M: a guest has the memory that it is started"),
            ("x --memory 64M", "--memory: a guest has the memory that it is started with"),
            ("--profile=run.csv", "--profile=run.csv: a guest has no file to write"),
            ("--profile-every 7", "--profile-every: a guest has no file"),
            ("--pcap=frames.pcap", "--pcap=frames.pcap: a guest has no file to write to"),
            ("\"--memory=\n\"", "--memory=\\x0a: a guest has the memory that it is started with"),
        ] {
            let error = split(line).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.message().starts_with(words), "{error}");
        }
        assert_eq!(split("--memories=1").unwrap(), ["--memories=1"]);
    }

    #[test]
    fn strong_entropy_can_be_asked_for() {
        for (line, strong, rest) in [
            ("", false, &[][..]),
            ("--entropy=strong", true, &[]),
            ("a --entropy=any b", false, &["a", "b"]),
            ("--entropy=strong \"a b\"", true, &["a b"]),
            ("--entropies=strong", false, &["--entropies=strong"]),
        ] {
            let mut memory = vec![MaybeUninit::uninit(); 1 << 16];
            let pool = Pool::new(&mut memory);
            let region = Region::new(&pool, "global");
            let arguments = Arguments::read(line, &region).unwrap();
            assert_eq!(arguments.strong_entropy, strong, "{line}");
            assert_eq!(arguments.iter().collect::<Vec<_>>(), rest, "{line}");
        }
        let expected = "expected --entropy=strong or --entropy=any";
        for (line, words) in [
            ("--entropy", std::format!("--entropy: {expected}")),
            ("--entropy strong", std::format!("--entropy: {expected}")),
            ("--entropy=", std::format!("--entropy=: {expected}")),
            ("--entropy=Strong", std::format!("--entropy=Strong: {expected}")),
            ("--entropy=any --entropy=strong", "--entropy=strong: a second time".into()),
        ] {
            let error = split(line).unwrap_err();
            assert_eq!((error.status(), error.message()), (2, &*words));
        }
    }

    #[cfg(feature = "cores")]
    #[test]
    fn cores_are_a_number_or_all_there_are() {
        for (line, wanted) in [
            ("", Some(Wanted::Count(1))),
            ("--ipv4=10.0.0.2/24 --cores=2 x", Some(Wanted::Count(2))),
            ("--cores=32", Some(Wanted::Count(32))),
            ("\"--cores=2\" --cores-\"", Some(Wanted::Count(2))),
            ("--co\"res=1\"2", Some(Wanted::Count(12))),
            ("--cores=002", None),
            ("--cores=alle", None),
            ("a\t--cores=all\n", Some(Wanted::All)),
            ("--cores-of=7 --score=3", Some(Wanted::Count(1))),
            ("--zone=\"a --cores=9 b\" --cores=3", Some(Wanted::Count(3))),
            ("--cores", None),
            ("--cores=", None),
            ("--cores=0", None),
            ("--cores=33", None),
            ("--cores=two", None),
            ("--cores=2 --cores=2", None),
        ] {
            assert_eq!(cores(line).ok(), wanted, "{line:?}");
        }
        assert_eq!(split("a --cores=2 b").unwrap(), ["a", "b"]);
        for (line, there, count) in [
            ("", None, Ok(1)),
            ("--cores=1", Some(4), Ok(1)),
            ("--cores=4", Some(4), Ok(4)),
            ("--cores=4", None, Ok(4)),
            ("--cores=5", Some(4), Err(Refusal::TooMany { count: 5, there: 4 })),
            ("--cores=all", Some(4), Ok(4)),
            ("--cores=all", Some(40), Ok(32)),
            ("--cores=all", None, Err(Refusal::Unknown)),
        ] {
            assert_eq!(processors(line, || there), count, "{line:?}");
        }
        assert_eq!(processors("", || panic!("it is not asked")), Ok(1));
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
            if let Ok(line) = str::from_utf8(&line)
                && let Ok(arguments) = split(line)
            {
                // Nothing is lost but spaces and quotes.
                let kept = |bytes: &[u8]| -> Vec<_> {
                    bytes.iter().copied().filter(|byte| !b"\" \0".contains(byte)).collect()
                };
                let joined = kept(arguments.concat().as_bytes());
                assert_eq!(joined, kept(line.as_bytes()), "{line:?}");
            }
        }
    }
}
