//! `docs/conformance.md` keeps its word: each row has a level, an answer, and a reason or a test, and each
//! test that it names exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const LEVELS: [&str; 7] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "must", "should", "may"];

/// The standards that the table has to speak of.
const STANDARDS: [u32; 45] = [
    4861, 4862, 7217, 7527, 8106, 9777, 8200, 7112, 8201, 6724, 6437, 2131, 2132, 826, 5227, 894,
    791, 815, 1122, 768, 792, 6864, 5722, 6633, 1191, 4443, 9293, 5961, 7323, 1034, 1035, 2308,
    4592, 5452, 5936, 6891, 7766, 8482, 8767, 9520, 9110, 9112, 5905, 8633, 9109,
];

const HEADER: &str = "| section | requirement | level | what we do | shown by |";

/// What a row says that is done about a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Done,
    NotDone,
    DoesNotArise,
}

#[test]
fn the_table_is_complete_and_every_test_that_it_names_exists() {
    let text = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let faults = faults(&text, &tests_of_the_workspace());
    assert!(faults.is_empty(), "docs/conformance.md:\n{}", faults.join("\n"));
    for standard in STANDARDS {
        let heading = |line: &str| line.starts_with(&format!("## RFC {standard}"));
        assert!(text.lines().any(heading), "nothing of RFC {standard}");
    }
}

/// The search finds what `cargo test` finds, at least of this file and of all the kinds that there are.
#[test]
fn the_tests_of_the_workspace_are_found() {
    let found = tests_of_the_workspace();
    assert!(found.len() > 400, "{}", found.len());
    for test in [
        "tests::conformance::the_tests_of_the_workspace_are_found",
        "tests::linux::peers::arping",
        "ipv4::wire::tests::parse",
        "ipv4::layer::tests::send::ttl_zero_is_never_sent",
        "netif_tap::device::the_mtu_is_that_of_the_device",
        "natural::natural::tests::sums_are_those_of_u128",
    ] {
        let crate_name = test.split("::").next().unwrap();
        let close: Vec<_> = found.iter().filter(|name| name.starts_with(crate_name)).collect();
        assert!(found.contains(test), "{test} is not among {close:#?}");
    }
    // Neither a helper of a test nor a test that is only spoken of.
    assert!(!found.contains("tests::conformance::faults"));
    assert!(!found.contains("tests::linux::support::noise"));
}

#[test]
fn each_fault_of_a_table_is_named() {
    let row = |row: &str| {
        format!(
            "1 requirements: 1 done, 0 not done, 0 do not arise.\n\n{HEADER}\n|---|---|---|---|---|\n{row}\n"
        )
    };
    let known = BTreeSet::from(["a::tests::b".to_owned()]);
    let good = row("| 3.1 | Answer each request | MUST | done | `a::tests::b` |");
    assert_eq!(faults(&good, &known), [""; 0]);
    for (bad, fault) in [
        ("| 3.1 | Answer each request | MUST | done |", "5: 4 columns"),
        ("|  | Answer each request | MUST | done | `a::tests::b` |", "5: no section"),
        ("| 3.1 | Answer | MUST | done | `a::tests::b` |", "5: no requirement"),
        ("| 3.1 | Answer each request | Must | done | `a::tests::b` |", "5: the level Must"),
        ("| 3.1 | Answer each request | MUST | perhaps | `a::tests::b` |", "5: the answer perhaps"),
        ("| 3.1 | Answer each request | MUST | done | – |", "5: done, and no test"),
        ("| 3.1 | Answer each request | MUST | done | `a::tests::c` |", "5: no test a::tests::c"),
        ("| 3.1 | Answer each request | MUST | done | a::tests::b |", "5: a::tests::b is not"),
        ("| 3.1 | Answer each request | MUST | not done: no | – |", "5: no reason"),
        ("| 3.1 | Answer each request | MUST | not done | `a::tests::b` |", "5: no reason"),
        ("| 3.1 | Answer each request | MUST | does not arise | – |", "5: no reason"),
    ] {
        let found = faults(&row(bad), &known);
        assert!(found.iter().any(|found| found.starts_with(fault)), "{bad}: {found:?}");
    }
    let reason = row("| 3.1 | Answer each request | MUST | not done: nobody asks us | – |");
    assert_eq!(
        faults(&reason, &known),
        ["the numbers at the top are not 1 requirements: 0 done, 1 not done, 0 do not arise."]
    );
    let twice = good.trim_end().to_owned()
        + "\n| 3.1 | Answer each request | MUST | done | `a::tests::b` |";
    assert!(faults(&twice, &known).contains(&"6: the same as in line 5".to_owned()));
    let empty = good.clone() + "\n## RFC 1\n\nNothing.\n";
    assert!(faults(&empty, &known).contains(&"7: nothing under ## RFC 1".to_owned()));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What is wrong with the table in `text`, each fault with its line; `known` are the tests that there are.
fn faults(text: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut answers = BTreeMap::new();
    let mut seen = BTreeMap::new();
    // The heading under which no row was seen yet.
    let mut heading = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("## ") {
            faults.extend(heading.replace(format!("{number}: nothing under {line}")));
        }
        if !line.starts_with('|') || line == HEADER || line.starts_with("|---") {
            continue;
        }
        heading = None;
        match row(line, known) {
            Ok(answer) => *answers.entry(answer).or_insert(0) += 1,
            Err(found) => {
                faults.extend(found.into_iter().map(|fault| format!("{number}: {fault}")));
            }
        }
        if let Some(first) = seen.insert(line, number) {
            faults.push(format!("{number}: the same as in line {first}"));
        }
    }
    faults.extend(heading);
    let [done, not_done, rest] = [Answer::Done, Answer::NotDone, Answer::DoesNotArise]
        .map(|answer| answers.get(&answer).copied().unwrap_or(0));
    let numbers = format!(
        "{} requirements: {done} done, {not_done} not done, {rest} do not arise.",
        done + not_done + rest
    );
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !words.contains(&numbers) {
        faults.push(format!("the numbers at the top are not {numbers}"));
    }
    faults
}

/// What a row answers, or what is wrong with it.
fn row(line: &str, known: &BTreeSet<String>) -> Result<Answer, Vec<String>> {
    let columns: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [section, requirement, level, what, tests] = columns[..] else {
        return Err(vec![format!("{} columns, not 5", columns.len())]);
    };
    let mut faults = Vec::new();
    if section.is_empty() {
        faults.push("no section".into());
    }
    if requirement.split_whitespace().count() < 3 {
        faults.push("no requirement that says something".into());
    }
    if !LEVELS.contains(&level) {
        faults.push(format!("the level {level}: one of {LEVELS:?}"));
    }
    let tests: Vec<_> = tests.split(", ").filter(|test| *test != "–").collect();
    for test in &tests {
        match test.strip_prefix('`').and_then(|test| test.strip_suffix('`')) {
            Some(name) if known.contains(name) => {}
            Some(name) => faults.push(format!("no test {name}")),
            None => faults.push(format!("{test} is not `a::test` in backquotes, nor –")),
        }
    }
    let answer = if what.starts_with("done") {
        Some(Answer::Done)
    } else if what.starts_with("not done") {
        Some(Answer::NotDone)
    } else {
        what.starts_with("does not arise").then_some(Answer::DoesNotArise)
    };
    let has_reason =
        what.split_once(": ").is_some_and(|(_, reason)| reason.split_whitespace().count() >= 2);
    match answer {
        Some(Answer::Done) if tests.is_empty() => faults.push("done, and no test shows it".into()),
        Some(Answer::NotDone | Answer::DoesNotArise) if !has_reason => {
            faults.push("no reason".into());
        }
        Some(_) => {}
        None => faults.push(format!("the answer {what}: done, not done, or does not arise")),
    }
    answer.filter(|_| faults.is_empty()).ok_or(faults)
}

/// Every test in the sources of the workspace: `crate::module::test`.
fn tests_of_the_workspace() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.join("Cargo.toml").is_file() {
                tests_of_a_crate(&path, &mut found);
            }
            if path.file_name().is_some_and(|name| name == "apps") {
                folders.push(path);
            }
        }
    }
    found
}

fn tests_of_a_crate(folder: &Path, found: &mut BTreeSet<String>) {
    let name = folder.file_name().unwrap().to_str().unwrap().replace('-', "_");
    for part in ["src", "tests"] {
        tests_in_folder(&folder.join(part), &name, found);
    }
}

fn tests_in_folder(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            tests_in_folder(&path, &format!("{module}::{stem}"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = match stem {
                "lib" | "main" | "mod" => module.to_owned(),
                stem => format!("{module}::{stem}"),
            };
            tests_in_source(&fs::read_to_string(&path).unwrap(), &module, found);
        }
    }
}

/// The tests of one file, which is formatted: a module ends where its brace stands as its beginning does.
fn tests_in_source(source: &str, module: &str, found: &mut BTreeSet<String>) {
    let mut modules = vec![(None, module.to_owned())];
    let mut is_test = false;
    for line in source.lines() {
        let (code, indent) = (line.trim_start(), line.len() - line.trim_start().len());
        let within = modules.last().map(|(_, name)| name.clone()).unwrap_or_default();
        if code == "#[test]" {
            is_test = true;
        } else if let Some(name) = code.strip_prefix("fn ").filter(|_| is_test) {
            let name = name.split(['(', '<']).next().unwrap();
            found.insert(format!("{within}::{name}"));
            is_test = false;
        } else if let Some((head, "")) = code.split_once(" {")
            && let Some(name) = ["mod ", "pub mod ", "pub(crate) mod "]
                .into_iter()
                .find_map(|start| head.strip_prefix(start))
        {
            modules.push((Some(indent), format!("{within}::{name}")));
        } else if code == "}" && modules.last().is_some_and(|(at, _)| *at == Some(indent)) {
            modules.pop();
        }
    }
    trials(source, module, found);
}

/// The tests of a program with a harness of its own, listed in `trials! { folder => module: test, test; }`, or in
/// `trials_on_cores!`.
fn trials(source: &str, module: &str, found: &mut BTreeSet<String>) {
    let lists = ["trials! { ", "trials_on_cores! { "].map(|begin| source.split(begin).skip(1));
    for list in lists.into_iter().flatten() {
        let Some((_, list)) = list.split_once(" =>") else { continue };
        let list = list.split_once('}').map_or("", |(list, _)| list);
        for part in list.split(';') {
            let Some((part, tests)) = part.split_once(':') else { continue };
            for test in tests.split(',') {
                found.insert(format!("{module}::{}::{}", part.trim(), test.trim()));
            }
        }
    }
}
