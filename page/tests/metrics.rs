//! What Prometheus reads from the page is what `letregion-stats` makes of the same program's counters.

mod mock;

use std::{collections::BTreeSet, time::Duration};

use letregion_stats::{Listing, exposition};

use crate::mock::Mock;

/// The lines of the families that both have.
fn lines(text: &str) -> BTreeSet<&str> {
    let is_alone = |line: &&str| {
        let alone = ["activity_seconds", "unreadable_lines"];
        alone.iter().any(|name| line.contains(name))
            // What changes from one request to the next.
            || line.contains("\"page.request\"") || line.contains("\"packet\"")
            || line.contains("layer=\"tasks\"") || line.starts_with("letregion_pool_")
    };
    text.lines().filter(|line| !is_alone(line)).collect()
}

#[test]
fn the_names_the_kinds_and_the_values_are_those_of_letregion_stats() {
    let mut mock = Mock::new(0);
    mock.run(Duration::from_secs(5));
    let answer = mock.answer("GET", "/metrics", None);
    let mut report = String::new();
    layer::report(&mock.service.tower, mock.pool, true, &mut |line| {
        report += &format!("{line}\n");
    });
    let expected = exposition(Some(&Listing::new(report.as_bytes())), &[]);
    let (ours, theirs) = (lines(&answer.body), lines(&expected));
    let differences: Vec<_> = ours.symmetric_difference(&theirs).collect();
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(lines(&expected).len() > 300);
}

#[test]
fn the_values_of_a_name_stand_together_and_each_is_given_once() {
    let mut mock = Mock::new(0);
    mock.run(Duration::from_secs(2));
    let text = mock.answer("GET", "/metrics", None).body;
    let (mut families, mut values, mut current) = (BTreeSet::new(), BTreeSet::new(), "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            current = rest.split(' ').next().unwrap();
            assert!(families.insert(current), "{current} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current);
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next(), Some(current), "{line}");
            assert!(values.insert(name), "{name} twice");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    let seconds: f64 = text
        .lines()
        .filter(|line| line.starts_with("letregion_activity_seconds_total"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum();
    // All the time since the start, up to when the tower was looked at.
    assert!((2.0..2.1).contains(&seconds), "{seconds}");
}
