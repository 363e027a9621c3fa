//! The profiler: a service's profile says that its memory stays, and says the same the next time.
//!
//! The service runs in a network namespace of its own, as in `linux.rs`, hence a `main` of its own too.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/trial.rs"]
mod trial;

use std::{
    env, fs,
    process::{self, ExitCode},
};

use profile::{
    series::{Sample, Series},
    verdict,
};
use trial::trial;

fn main() -> ExitCode {
    // Where programs that serve are left out, this is, by the same name.
    namespace::run(vec![trial(
        "linux::profile::the_same_requests_have_the_same_profile",
        the_same_requests_have_the_same_profile,
    )])
}

/// The numbers from 10,000 down to 1.
fn request() -> String {
    (1..=10_000).rev().map(|number: u32| number.to_string()).collect::<Vec<_>>().join(" ")
}

fn the_same_requests_have_the_same_profile() {
    let program = profile::build("sort").expect("sort builds with its profiler");
    let file = env::temp_dir().join(format!("profile-{}.csv", process::id()));
    let run = || {
        let text = profile::measure(&program, 8080, request().as_bytes(), 40, &file);
        let series = Series::read(&text.unwrap_or_else(|error| panic!("{error:#}")));
        series.unwrap_or_else(|error| panic!("{error:#}"))
    };
    let (first, second) = (run(), run());
    fs::remove_file(&file).expect("the file is there");

    // 48,893 bytes are 34 fragments, and ARP asks at least once.
    let packets = first.moments.len();
    assert!((40 * 34 + 1..40 * 34 + 20).contains(&packets), "{packets}");
    let verdicts = verdict::judge(&first);
    assert!(verdicts.iter().all(|verdict| verdict.passed), "{verdicts:#?}");
    let known = |name| verdicts.iter().any(|v| v.region == name && v.most_pages > 0);
    for region in ["packet", "ipv4.reassembly", "halves", "sorted"] {
        assert!(known(region), "{region} is not in {verdicts:#?}");
    }
    assert_eq!(without_times(&first), without_times(&second));
}

/// The ticks, and what each region held at each.
fn without_times(series: &Series) -> (Vec<u64>, Vec<(&str, &[Sample])>) {
    let ticks = series.moments.iter().map(|moment| moment.tick).collect();
    let bands = series.bands.iter().map(|band| (&*band.region, &*band.samples)).collect();
    (ticks, bands)
}
