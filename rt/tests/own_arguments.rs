//! Arguments of a program's own, read with those of every service.

use core::net::SocketAddrV4;

use rt::{Config, Error};

/// What a program with two arguments of its own makes of `args`.
fn read(args: &[&'static str]) -> Result<(Config, Option<SocketAddrV4>, bool), Error> {
    let (mut upstream, mut is_quiet) = (None, false);
    let config = Config::with_arguments(rt::arguments! {
        "--upstream" "=ADDRESS:PORT   whom to ask for what is not here (nobody)",
            "an address and a port: 10.0.0.1:53",
            |value| { upstream = value.parse().ok(); upstream.is_some() };
        "--quiet" "                   say nothing",
            "", |_| { is_quiet = true; true };
    })
    .from_args(args.iter().copied())?;
    Ok((config, upstream, is_quiet))
}

#[test]
fn they_are_read_among_the_others_in_both_spellings() {
    let expected = (
        Config::from_args(["--ipv4=10.0.0.3/24"]).unwrap(),
        Some(SocketAddrV4::new([10, 0, 0, 1].into(), 53)),
        true,
    );
    for args in [
        &["--upstream=10.0.0.1:53", "--ipv4=10.0.0.3/24", "--quiet"][..],
        &["--quiet", "--ipv4", "10.0.0.3/24", "--upstream", "10.0.0.1:53"],
    ] {
        assert_eq!(read(args).unwrap(), expected, "{args:?}");
    }
    assert_eq!(read(&[]).unwrap(), (Config::default(), None, false));
}

#[test]
fn their_errors_are_those_of_the_others() {
    let expected = "expected an address and a port: 10.0.0.1:53";
    for (args, message) in [
        (&["--upstream=x"][..], format!("--upstream=x: {expected}")),
        (&["--upstream="], format!("--upstream=: {expected}")),
        (&["--upstream"], format!("--upstream: its value is missing: {expected}")),
        (&["--upstream", "--quiet"], format!("--upstream: its value is missing: {expected}")),
        (
            &["--upstream=10.0.0.1:53", "--upstream", "10.0.0.2:53"],
            "--upstream=10.0.0.1:53 and --upstream=10.0.0.2:53: given twice, expected once".into(),
        ),
        (&["--quiet", "--quiet"], "--quiet and --quiet: given twice, expected once".into()),
        (&["--quiet=yes"], "--quiet=yes: unknown; --help lists the arguments".into()),
        (&["--up=10.0.0.1:53"], "--up=10.0.0.1:53: unknown; --help lists the arguments".into()),
        // Those of every service are what they were.
        (&["--offloads=no", "--quiet"], "--offloads=no: expected on or off".into()),
        // What is wrong only together is looked at too.
        (
            &["--stats-from=10.0.0.0/8", "--quiet"],
            "--stats-from: expected with --stats-port".into(),
        ),
    ] {
        let error = read(args).unwrap_err();
        assert_eq!((error.status(), error.message()), (2, &*message), "{args:?}");
    }
}

#[test]
fn help_lists_them_after_the_others() {
    let own = read(&["--help"]).unwrap_err();
    let all = Config::from_args(["--help"]).unwrap_err();
    assert_eq!((own.status(), all.status()), (0, 0));
    let rest = own.message().strip_prefix(all.message()).expect("the others come first");
    assert_eq!(
        rest,
        "\n  --upstream=ADDRESS:PORT   whom to ask for what is not here (nobody)\
         \n  --quiet                   say nothing"
    );
}

#[test]
fn a_name_that_others_have_is_not_free() {
    for name in ["--ipv4", "--log", "--help", "--memory", "--entropy", "--", "-x", "x", "--a=b"] {
        assert!(!rt::private::is_free(name), "{name}");
    }
    for name in ["--ipv", "--ipv4x", "--upstream", "--m"] {
        assert!(rt::private::is_free(name), "{name}");
    }
}
