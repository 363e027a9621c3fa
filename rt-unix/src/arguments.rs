//! The arguments of the process, and those that are the runtime's own.

use std::{ffi::OsString, fmt, num::NonZero, path::PathBuf, thread};

use rt::Error;

/// The lines of `--help` for the runtime's own arguments, in the form of the others.
pub(crate) const USAGE: &str =
    "  --memory=SIZE             memory for all regions, in bytes or with K, M, G (64M, or what fits)
  --pcap=FILE               write every frame to this file, for Wireshark (nowhere)
  --pcap-size=SIZE          how long that file may become (100M)
  --profile=FILE            write what the regions held to this file, as CSV (nowhere)
  --profile-every=N         look at the regions every N packets (1)
  --sandbox=on|off          give up all rights that serving does not take (on)
  --cores=N|all             serve on so many cores, each with a queue of the interface (1)
  --pin=on|off              keep each core on a processor of its own (off)";

/// The smallest pool that can be asked for, in bytes: it has room for the tables of every service, and for a
/// small request.
pub(crate) const LEAST_MEMORY: usize = 128 << 10;
/// The default for the largest size of the capture file, in bytes.
const DEFAULT_PCAP_SIZE: u64 = 100 << 20;
/// The smallest value of `--pcap-size`, in bytes.
const LEAST_PCAP_SIZE: u64 = 4 << 10;

/// The names of the runtime's own arguments.
const NAMES: [&str; 8] = [
    "--memory",
    "--pcap",
    "--pcap-size",
    "--profile",
    "--profile-every",
    "--sandbox",
    "--cores",
    "--pin",
];

/// The most cores that can be asked for.
pub(crate) const MOST_CORES: usize = 32;

/// The arguments, the runtime's own taken out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// `--memory`: the size of the pool in bytes, if it was given.
    pub(crate) memory: Option<usize>,
    /// `--pcap`: where the frames go.
    pub(crate) pcap: Option<PathBuf>,
    /// `--pcap-size`: the largest size of that file, in bytes.
    pub(crate) pcap_size: u64,
    /// `--profile`: where the profile goes. Always none if the profiler is not built in.
    pub(crate) profile: Option<PathBuf>,
    /// `--profile-every`: the number of packets from one sample to the next.
    pub(crate) profile_every: u32,
    /// `--sandbox`: whether privileges are given up.
    pub(crate) sandbox: bool,
    /// `--cores`: how many cores serve.
    pub(crate) cores: usize,
    /// `--pin`: whether each stays on a processor of its own.
    pub(crate) pin: bool,
    /// All others, in order; kept as long as the program runs.
    pub(crate) rest: &'static [&'static str],
}

impl Arguments {
    /// Reads the runtime's own arguments, `--name=value` or `--name value`, each at most once, and leaves the
    /// rest alone.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let mut read = Self {
            memory: None,
            pcap: None,
            pcap_size: DEFAULT_PCAP_SIZE,
            profile: None,
            profile_every: 1,
            sandbox: true,
            cores: 1,
            pin: false,
            rest: &[],
        };
        let mut rest: Vec<&'static str> = Vec::new();
        let mut given: Vec<(String, String)> = Vec::new();
        let mut arguments = arguments.into_iter().map(|argument| {
            argument.into_string().map_err(|argument| bad(argument.display(), "it is not UTF-8"))
        });
        while let Some(argument) = arguments.next() {
            let argument = argument?;
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&*argument, None),
            };
            if !NAMES.contains(&name) {
                rest.push(argument.leak());
                continue;
            }
            let value = match value {
                Some(value) => Some(value),
                // What begins with two dashes is the next argument.
                None => arguments.next().transpose()?.filter(|value| !value.starts_with("--")),
            };
            let value = value.ok_or_else(|| bad(name, "its value is missing"))?;
            if let Some((_, first)) = given.iter().find(|(given, _)| given == name) {
                let both = format_args!("{name}={first} and {name}={value}");
                return Err(bad(both, "given twice, expected once"));
            }
            read.set(name, &value).map_err(|reason| bad(format_args!("{name}={value}"), reason))?;
            given.push((name.to_owned(), value));
        }
        for (name, other) in
            [("--pcap-size", "--pcap"), ("--profile-every", "--profile"), ("--pin", "--cores")]
        {
            let value =
                |name| given.iter().find(|(given, _)| given == name).map(|(_, value)| value);
            if let (Some(value), None) = (value(name), value(other)) {
                let alone = format!("expected together with {other}");
                return Err(bad(format_args!("{name}={value}"), &alone));
            }
        }
        read.rest = rest.leak();
        Ok(read)
    }

    /// Sets the argument `name`; an error says why it cannot be set.
    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        if name == "--memory" {
            self.memory = parse_size(value).filter(|size| *size >= LEAST_MEMORY);
            return match self.memory {
                Some(_) => Ok(()),
                None => Err("expected a size in bytes, or with K, M or G, 128K at least: 64M"),
            };
        }
        if name == "--pcap" {
            self.pcap = Some(value.into());
            return if value.is_empty() { Err("expected the name of a file") } else { Ok(()) };
        }
        if name == "--pcap-size" {
            self.pcap_size = parse_size(value)
                .map(|size| size as u64)
                .filter(|size| *size >= LEAST_PCAP_SIZE)
                .ok_or("expected a size in bytes, or with K, M or G, 4K at least: 100M")?;
            return Ok(());
        }
        if name == "--sandbox" {
            self.sandbox = value == "on";
            return if self.sandbox || value == "off" { Ok(()) } else { Err("expected on or off") };
        }
        if name == "--pin" {
            self.pin = value == "on";
            return if self.pin || value == "off" { Ok(()) } else { Err("expected on or off") };
        }
        if name == "--cores" {
            self.cores = match value {
                "all" => thread::available_parallelism().map_or(1, NonZero::get).min(MOST_CORES),
                _ => layer::decimal(value.as_bytes(), MOST_CORES as u64)
                    .filter(|count| *count > 0)
                    .ok_or("expected a number of cores, 1 to 32, or all")?
                    as usize,
            };
            return match self.cores {
                2.. if cfg!(not(feature = "cores")) => {
                    Err("built for one core, to which `--features cores` adds others")
                }
                _ => Ok(()),
            };
        }
        if cfg!(not(feature = "profile")) {
            return Err("built without the profiler, which `--features profile` adds");
        }
        match name {
            "--profile" if value.is_empty() => return Err("expected the name of a file"),
            "--profile" => self.profile = Some(value.into()),
            _ => {
                self.profile_every = layer::decimal(value.as_bytes(), u32::MAX.into())
                    .filter(|every| *every > 0)
                    .ok_or("expected a number of packets, 1 at least")?
                    as u32;
            }
        }
        Ok(())
    }
}

/// `65536`, `64K`, `64M`, `1G`: units of 1024.
fn parse_size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.char_indices().last()? {
        (last, 'K' | 'k') => (&text[..last], 1 << 10),
        (last, 'M' | 'm') => (&text[..last], 1 << 20),
        (last, 'G' | 'g') => (&text[..last], 1 << 30),
        _ => (text, 1),
    };
    let number = layer::decimal(digits.as_bytes(), usize::MAX as u64)?;
    (number as usize).checked_mul(unit)
}

fn bad(argument: impl fmt::Display, reason: &str) -> Error {
    Error::new(2, format_args!("{argument}: {reason}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Arguments, Error> {
        Arguments::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, size) in [
            ("131072", 131_072),
            ("128K", 131_072),
            ("128k", 131_072),
            ("64M", 64 << 20),
            ("3m", 3 << 20),
            ("2G", 2 << 30),
        ] {
            assert_eq!(read(&["--memory", text]).unwrap().memory, Some(size), "{text}");
            assert_eq!(read(&[&format!("--memory={text}")]).unwrap().memory, Some(size), "{text}");
        }
        assert_eq!(read(&[]).unwrap().memory, None);
    }

    #[test]
    fn no_program_has_an_argument_of_these_names() {
        assert!(NAMES.into_iter().all(|name| !rt::private::is_free(name)));
    }

    #[test]
    fn an_argument_that_is_given_twice_is_refused_and_both_are_shown() {
        let error = read(&["--memory=1M", "x", "--memory", "2M"]).unwrap_err();
        let words = "--memory=1M and --memory=2M: given twice, expected once";
        assert_eq!((error.status(), error.message()), (2, words));
        // What is not the runtime's own is not its affair.
        assert_eq!(read(&["x", "x"]).unwrap().rest, ["x", "x"]);
    }

    #[test]
    fn the_next_argument_is_no_value() {
        let error = read(&["--pcap", "--memory=1M"]).unwrap_err();
        assert_eq!((error.status(), error.message()), (2, "--pcap: its value is missing"));
        let pcap = read(&["--pcap=--memory=1M"]).unwrap().pcap;
        assert_eq!(pcap.as_deref(), Some("--memory=1M".as_ref()));
    }

    #[test]
    fn a_bad_size_is_named_with_what_would_be_right() {
        for text in [
            "",
            "K",
            "64",
            "127K",
            "131071",
            "+128K",
            "0128K",
            "000131072",
            "-1",
            "64KB",
            "64 K",
            "1.5G",
            "64T",
            "0x10000",
            "é",
            "18446744073709551616",
            "17179869184G",
        ] {
            let error = read(&[&format!("--memory={text}")]).unwrap_err();
            assert_eq!(error.status(), 2, "{text}");
            let words = format!("--memory={text}: expected a size in bytes");
            assert!(error.message().starts_with(&words), "{error}");
        }
        let error = read(&["--memory"]).unwrap_err();
        assert_eq!((error.status(), error.message()), (2, "--memory: its value is missing"));
    }

    #[cfg(not(feature = "profile"))]
    #[test]
    fn without_the_profiler_its_arguments_are_refused() {
        for argument in ["--profile=run.csv", "--profile-every=10"] {
            let error = read(&[argument]).unwrap_err();
            let words = "built without the profiler, which `--features profile` adds";
            assert_eq!(error.status(), 2);
            assert_eq!(error.message(), format!("{argument}: {words}"));
        }
    }

    #[cfg(feature = "profile")]
    #[test]
    fn the_arguments_of_the_profiler_are_read() {
        let arguments = read(&["--profile", "run.csv", "--profile-every=10", "x"]).unwrap();
        assert_eq!(arguments.profile.as_deref(), Some("run.csv".as_ref()));
        assert_eq!((arguments.profile_every, arguments.rest), (10, &["x"][..]));
        for (argument, words) in [
            ("--profile=", "--profile=: expected the name of a file"),
            ("--profile-every=0", "--profile-every=0: expected a number of packets, 1 at least"),
            ("--profile-every=+7", "--profile-every=+7: expected a number of packets"),
            ("--profile-every=07", "--profile-every=07: expected a number of packets"),
            ("--profile-every=x", "--profile-every=x: expected a number of packets"),
            ("--profile-every=7", "--profile-every=7: expected together with --profile"),
            ("--profile", "--profile: its value is missing"),
        ] {
            let error = read(&[argument]).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.message().starts_with(words), "{error}");
        }
    }

    #[test]
    fn the_other_arguments_are_left_as_they_are() {
        let arguments = read(&["--ipv4", "10.0.0.2/24", "--memory=1M", "--memoryx=1", "-h", ""]);
        assert_eq!(
            arguments.unwrap(),
            Arguments {
                memory: Some(1 << 20),
                pcap: None,
                pcap_size: DEFAULT_PCAP_SIZE,
                profile: None,
                profile_every: 1,
                sandbox: true,
                cores: 1,
                pin: false,
                rest: &["--ipv4", "10.0.0.2/24", "--memoryx=1", "-h", ""],
            }
        );
    }

    #[test]
    fn the_sandbox_is_on_and_the_frames_have_an_end_unless_asked_otherwise() {
        let arguments = read(&["--pcap=x", "--pcap-size=4K", "--sandbox=off"]).unwrap();
        assert_eq!((arguments.pcap_size, arguments.sandbox), (4096, false));
        assert!(read(&["--sandbox", "on"]).unwrap().sandbox);
        for (argument, words) in [
            ("--sandbox=no", "--sandbox=no: expected on or off"),
            ("--pcap-size=4095", "--pcap-size=4095: expected a size in bytes"),
            ("--pcap-size=4K", "--pcap-size=4K: expected together with --pcap"),
        ] {
            let error = read(&[argument]).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.message().starts_with(words), "{error}");
        }
    }

    #[test]
    fn cores_are_a_number_or_all_there_are() {
        assert_eq!(read(&["--cores=1"]).unwrap().cores, 1);
        for text in ["", "0", "33", "two", "-1", "+2", "02"] {
            let error = read(&[&format!("--cores={text}")]).unwrap_err();
            let words = "expected a number of cores, 1 to 32, or all";
            assert_eq!(
                (error.status(), error.message()),
                (2, &*format!("--cores={text}: {words}"))
            );
        }
        let error = read(&["--pin=on"]).unwrap_err();
        assert_eq!(error.message(), "--pin=on: expected together with --cores");
        #[cfg(feature = "cores")]
        {
            let arguments = read(&["--cores", "32", "--pin=on"]).unwrap();
            assert_eq!((arguments.cores, arguments.pin), (32, true));
            assert!((1..=32).contains(&read(&["--cores=all"]).unwrap().cores));
        }
        #[cfg(not(feature = "cores"))]
        assert_eq!(
            read(&["--cores=2"]).unwrap_err().message(),
            "--cores=2: built for one core, to which `--features cores` adds others"
        );
    }

    #[test]
    fn an_argument_that_is_not_utf_8_is_refused() {
        for arguments in [vec![b"--log=\xff".to_vec()], vec![b"--memory".to_vec(), vec![0xff]]] {
            let error = Arguments::read(arguments.into_iter().map(OsString::from_vec)).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.message().ends_with("\u{fffd}: it is not UTF-8"), "{error}");
        }
    }
}
