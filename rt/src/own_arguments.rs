//! The arguments of a program beside those that every service takes.

use core::fmt;

use crate::{
    Error, Settings,
    arguments::{self, Given},
    config::{NAMES, USAGE},
};

/// The names that the platforms take before a program sees its arguments, or that ask for help.
const OF_PLATFORMS: [&str; 10] = [
    "--help",
    "--memory",
    "--pcap",
    "--pcap-size",
    "--profile",
    "--profile-every",
    "--sandbox",
    "--entropy",
    "--cores",
    "--pin",
];

/// Arguments that are read with those of every service.
pub(crate) trait Own<'a> {
    /// What `--help` says.
    fn usage(&self) -> &'static str;

    /// The argument that was given: what is expected, and where to keep it.
    fn find(&mut self, given: Given<'a>) -> Option<(&'static str, &mut Option<Given<'a>>)>;

    /// Sets the value of an argument that was found.
    fn set(&mut self, name: &str, value: &'a str) -> Result<(), &'static str>;
}

/// No arguments but those of every service. The compiler leaves nothing of it.
pub(crate) struct NoneOfItsOwn;

impl<'a> Own<'a> for NoneOfItsOwn {
    #[inline(always)]
    fn usage(&self) -> &'static str {
        USAGE
    }

    #[inline(always)]
    fn find(&mut self, _: Given<'a>) -> Option<(&'static str, &mut Option<Given<'a>>)> {
        None
    }

    #[inline(always)]
    fn set(&mut self, _: &str, _: &'a str) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Arguments of a program, made by [`arguments!`](crate::arguments).
pub struct OwnArguments<'a, S, const N: usize> {
    usage: &'static str,
    /// The names, each with what is expected.
    rows: [(&'static str, &'static str); N],
    given: [Option<Given<'a>>; N],
    set: S,
}

impl<'a, S: FnMut(&str, &'a str) -> bool, const N: usize> OwnArguments<'a, S, N> {
    /// The arguments of these rows, for the macro.
    #[doc(hidden)]
    pub fn new(usage: &'static str, rows: [(&'static str, &'static str); N], set: S) -> Self {
        Self { usage, rows, given: [None; N], set }
    }

    /// Reads the arguments, these and those of every service, as [`Settings::from_args`] does.
    ///
    /// # Errors
    /// An argument that is unknown, is given twice or has a bad value (status 2), or `--help` (status 0). The
    /// message names the argument and says what would be right.
    pub fn from_args(
        mut self,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Result<Settings<'a>, Error> {
        let mut config = Settings::default();
        arguments::read(&mut config, &mut args.into_iter(), &mut self)?;
        config.check()?;
        Ok(config)
    }
}

impl<'a, S: FnMut(&str, &'a str) -> bool, const N: usize> Own<'a> for OwnArguments<'a, S, N> {
    fn usage(&self) -> &'static str {
        self.usage
    }

    fn find(&mut self, given: Given<'a>) -> Option<(&'static str, &mut Option<Given<'a>>)> {
        let mut rows = self.rows.iter().zip(&mut self.given);
        rows.find(|((name, expected), _)| given.is_of(name, expected))
            .map(|((_, expected), first)| (*expected, first))
    }

    fn set(&mut self, name: &str, value: &'a str) -> Result<(), &'static str> {
        if (self.set)(name, value) { Ok(()) } else { Err("") }
    }
}

impl<S, const N: usize> fmt::Debug for OwnArguments<'_, S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows.iter().map(|(name, _)| name)).finish()
    }
}

/// Arguments of a program's own, which [`Config::with_arguments`](crate::Config) reads with those of every service:
/// on every platform, with the same errors, and listed by `--help`.
///
/// Each row is a name with its line in the list, what is expected (in words that follow "expected"; empty for an argument
/// that takes no value), and a closure that sets it. The closure says whether the value is right. It may borrow: what it
/// sets are variables of the program. The value lives as long as the arguments.
///
/// ```
/// use core::net::SocketAddrV4;
///
/// use rt::Config;
///
/// let (mut upstream, mut is_quiet): (Option<SocketAddrV4>, _) = (None, false);
/// let config = Config::with_arguments(rt::arguments! {
///     "--upstream" "=ADDRESS:PORT   whom to ask for what is not here (nobody)",
///         "an address and a port: 10.0.0.1:53",
///         |value| { upstream = value.parse().ok(); upstream.is_some() };
///     "--quiet" "                   say nothing",
///         "", |_| { is_quiet = true; true };
/// })
/// .from_args(["--upstream=10.0.0.1:53", "--ipv4=10.0.0.3/24", "--quiet"])?;
/// assert_eq!((upstream, is_quiet), ("10.0.0.1:53".parse().ok(), true));
/// assert_eq!(config.ipv4, "10.0.0.3/24".parse()?);
/// # Ok::<(), rt::Error>(())
/// ```
///
/// A name that a platform or every service takes does not compile:
///
/// ```compile_fail
/// let own = rt::arguments! { "--memory" "=SIZE   how much to keep", "a size", |_| true; };
/// # let _ = rt::Config::with_arguments(own);
/// ```
#[macro_export]
macro_rules! arguments {
    ($($name:literal $listed:literal, $expected:expr, $set:expr;)+) => {{
        $(const {
            assert!(
                $crate::private::is_free($name),
                concat!(
                    "an argument of a program begins with two dashes, has no '=', and is not one of every service: ",
                    $name
                )
            );
        })+
        $crate::OwnArguments::new(
            concat!($crate::usage!(), $("\n  ", $name, $listed),+),
            [$(($name, $expected)),+],
            |name, value| match name {
                $($name => $crate::private::set(value, $set),)+
                _ => false,
            },
        )
    }};
}

/// Calls `set` with `value`, whose type the closure in a row learns from here.
#[doc(hidden)]
pub fn set<'a>(value: &'a str, set: impl FnOnce(&'a str) -> bool) -> bool {
    set(value)
}

/// Whether a program may have an argument of this name.
#[doc(hidden)]
pub const fn is_free(name: &str) -> bool {
    let [b'-', b'-', _, ..] = name.as_bytes() else { return false };
    let mut index = 0;
    while index < name.len() {
        if name.as_bytes()[index] == b'=' {
            return false;
        }
        index += 1;
    }
    !contains(&NAMES, name) && !contains(&OF_PLATFORMS, name)
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut index = 0;
    while index < names.len() {
        if is_same(names[index].as_bytes(), name.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}
