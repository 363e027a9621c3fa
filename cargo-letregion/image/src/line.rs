//! The command line of a guest.

use std::ffi::OsString;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use netif::MacAddr;
use rt::{Settings, private::is_free};

/// How many arguments a guest may be given here: it reads 64 (`rt-pvh`), and urunc adds two.
const MOST: usize = 60;
/// How many bytes its line may have: it reads 2,048, and Firecracker writes no more. Engines add an address or the place of
/// a device to it.
const LONGEST: usize = 1_900;

/// What an engine may give a guest itself: its address, and the next hop.
const ADDRESS: [&str; 2] = ["--ipv4", "--ipv4-gateway"];
/// Arguments that make no sense in a guest that an engine starts, and why.
const REFUSED: [(&str, &str); 10] = [
    ("--dhcp-lease", NO_FILE),
    ("--help", "it prints a list, and ends"),
    (
        "--interface",
        "a guest has one here; that of its host is named before the --, by --tap or --bridge",
    ),
    ("--log", "the image is built without its log"),
    ("--memory", "the memory of a guest is set before the --: --memory 4"),
    ("--pcap", NO_FILE),
    ("--pcap-size", NO_FILE),
    ("--profile", NO_FILE),
    ("--profile-every", NO_FILE),
    ("--sandbox", "it is for a Linux process"),
];
const NO_FILE: &str = "a guest has no file to write to";

/// The arguments of a guest. One that every service takes is written with `=` here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    args: Vec<String>,
}

impl Line {
    /// Reads the arguments as they were typed. The service's own are not known here; the others have to be right.
    ///
    /// # Errors
    /// An argument cannot be written into a command line, makes no sense in a guest, or is wrong: with its name and what
    /// would be right.
    pub(crate) fn read(typed: &[OsString]) -> Result<Self> {
        let (mut args, mut known) = (Vec::new(), Vec::new());
        let mut typed = typed.iter().peekable();
        while let Some(arg) = typed.next() {
            let mut arg = text(arg)?.to_owned();
            let name = arg.split('=').next().unwrap_or_default().to_owned();
            if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                bail!("{arg}: {reason}");
            }
            if name == "--entropy" {
                let is_right = matches!(&*arg, "--entropy=strong" | "--entropy=any");
                ensure!(is_right, "{arg}: expected --entropy=strong or --entropy=any");
            } else if name.starts_with("--") && !is_free(&name) {
                let is_value = |next: &&OsString| !next.to_string_lossy().starts_with("--");
                if arg == name
                    && let Some(value) = typed.next_if(is_value)
                {
                    arg = format!("{name}={}", text(value)?);
                }
                known.push(arg.clone());
            }
            args.push(arg);
        }
        Settings::from_args(known.iter().map(String::as_str))
            .map_err(|error| anyhow!("{}", error.message()))?;
        ensure!(args.len() <= MOST, "{} arguments: a guest takes {MOST} at most", args.len());
        let line = Self { args };
        let length = line.text().len();
        ensure!(
            length <= LONGEST,
            "a command line of {length} bytes: a guest takes {LONGEST} at most"
        );
        Ok(line)
    }

    /// The line.
    pub(super) fn text(&self) -> String {
        self.words().join(" ")
    }

    /// The words of the line, each in quotes where it needs them.
    pub(super) fn words(&self) -> Vec<String> {
        self.args.iter().map(|arg| word(arg)).collect()
    }

    /// The line without the arguments that an engine gives, and those.
    pub(super) fn without_address(&self) -> (Self, Vec<&str>) {
        let is_address = |arg: &str| ADDRESS.contains(&arg.split('=').next().unwrap_or_default());
        let (left_out, args): (Vec<_>, Vec<_>) = self.args.iter().partition(|arg| is_address(arg));
        let line = Self { args: args.into_iter().cloned().collect() };
        (line, left_out.into_iter().map(String::as_str).collect())
    }

    /// Whether a guest with this line has no arguments.
    pub(super) fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// Our address and network, if they are given.
    pub(super) fn ipv4(&self) -> Option<&str> {
        self.value("--ipv4")
    }

    /// Our hardware address, if it is given.
    pub(super) fn mac(&self) -> Option<MacAddr> {
        self.value("--mac")?.parse().ok()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='))
    }
}

/// An argument as text that a command line can have.
fn text(arg: &OsString) -> Result<&str> {
    let text = arg.to_str();
    let text = text.with_context(|| format!("a guest cannot be given {arg:?}: it is not UTF-8"))?;
    ensure!(!text.contains('"'), "a guest cannot be given a double quote: {text}");
    ensure!(is_text(text), "a guest cannot be given control characters: {text:?}");
    Ok(text)
}

/// Whether this can be written into every file: XML has neither control characters nor these two, which are none
/// (Extensible Markup Language 1.0, 2.2).
pub(super) fn is_text(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// An argument as one word of the line. In quotes, a word is none of a monitor's, as `ro` is.
fn word(arg: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace();
    let is_argument = arg.starts_with("--") && arg != "--";
    if is_argument && arg.chars().all(is_plain) { arg.to_owned() } else { format!("\"{arg}\"") }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn read(args: &[&str]) -> Result<Line> {
        Line::read(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn refused(args: &[&str]) -> String {
        read(args).expect_err(&args.join(" ")).to_string()
    }

    #[test]
    fn the_line_has_what_was_typed() {
        assert_eq!(read(&[]).unwrap().text(), "");
        let line = read(&[
            "--ipv4",
            "10.0.0.7/24",
            "--probe",
            "--mac=02:00:0a:00:00:07",
            "--upstream=10.0.0.9:53",
            "--greeting=good day",
            "--own",
            "ro",
            "",
        ]);
        let line = line.unwrap();
        assert_eq!(
            line.text(),
            "--ipv4=10.0.0.7/24 --probe --mac=02:00:0a:00:00:07 --upstream=10.0.0.9:53 \
             \"--greeting=good day\" --own \"ro\" \"\""
        );
        assert_eq!(line.ipv4(), Some("10.0.0.7/24"));
        assert_eq!(line.mac(), Some(MacAddr([2, 0, 10, 0, 0, 7])));
    }

    #[test]
    fn an_engine_gives_the_address() {
        let typed = ["--ipv4=10.0.0.7/24", "--stats-port=9100", "--ipv4-gateway", "10.0.0.1"];
        let line = read(&typed).unwrap();
        let (rest, left_out) = line.without_address();
        assert_eq!(rest.text(), "--stats-port=9100");
        assert_eq!(left_out, ["--ipv4=10.0.0.7/24", "--ipv4-gateway=10.0.0.1"]);
    }

    #[test]
    fn what_a_guest_would_refuse_is_refused_here() {
        for (args, words) in [
            (&["--ipv4=10.0.0.0/24"][..], "--ipv4=10.0.0.0/24: no host has this address"),
            (&["--ipv4", "10.0.0.2"], "--ipv4=10.0.0.2"),
            (&["--ipv4=10.0.0.2/24", "--ipv4-gateway=10.0.0.2"], "--ipv4-gateway=10.0.0.2: not"),
            (&["--mac=1"], "--mac=1: "),
            (&["--stats-port=0"], "--stats-port=0: "),
            (&["--stats-port"], "--stats-port"),
            (&["--stats-from=10.0.0.0/8"], "expected with --stats-port"),
            (&["--probe", "--probe"], "--probe"),
            (&["--entropy", "strong"], "--entropy: expected --entropy=strong or"),
            (&["--memory=4M"], "--memory=4M: the memory of a guest is set before the --"),
            (&["--memory", "4M"], "--memory: the memory of a guest is set before the --"),
            (&["--interface=tap0"], "named before the --, by --tap or --bridge"),
            (&["--pcap=file"], "--pcap=file: a guest has no file to write to"),
            (&["--log=all"], "--log=all: the image is built without its log"),
            (&["--a=\"b\""], "a guest cannot be given a double quote: --a=\"b\""),
            (&["--a=b\nc"], "a guest cannot be given control characters: \"--a=b\\nc\""),
            (&["--a=\u{ffff}"], "a guest cannot be given control characters"),
        ] {
            let error = refused(args);
            assert!(error.contains(words), "{args:?}: {error}");
        }
        let not_text = Line::read(&[OsString::from_vec(vec![b'-', 0xff])]).unwrap_err();
        assert!(not_text.to_string().ends_with("it is not UTF-8"), "{not_text}");
    }

    #[test]
    fn a_line_that_no_guest_reads_is_refused() {
        let most = vec!["--own"; MOST];
        assert!(read(&most).is_ok());
        let error = refused(&[&most[..], &["--own"]].concat());
        assert_eq!(error, "61 arguments: a guest takes 60 at most");
        let long = "-".repeat(LONGEST);
        assert!(read(&[&long]).is_ok());
        let error = refused(&[&format!("{long}-")]);
        assert_eq!(error, "a command line of 1901 bytes: a guest takes 1900 at most");
    }
}
