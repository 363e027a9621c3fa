//! The examples of the READMEs of the crates for others, as a reader would try them: each in a project of its own outside
//! of this repository, with the dependencies that the README names.

use std::{fmt::Write as _, fs, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use lab::cargo;

use crate::metadata::{is_public, metadata};

/// Where a README says that the repository lies, seen from a project.
const CLONE: &str = "\"../letregion/";

/// A project with one example.
#[derive(Debug, PartialEq, Eq)]
struct Project {
    name: String,
    dependencies: String,
    source: String,
}

impl Project {
    /// Whether it is a guest: on its own, because in one build with programs that have `std`, the crates that both need
    /// have it too.
    fn is_guest(&self) -> bool {
        self.source.contains("\n#![no_std]\n")
    }
}

/// Checks that each example compiles.
///
/// # Errors
/// One does not, or a README has no example or does not name its dependencies.
pub fn check() -> Result<()> {
    let metadata = metadata()?;
    let mut projects = Vec::new();
    for package in metadata.packages.iter().filter(|package| is_public(package)) {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        let path = folder.join("README.md");
        let text = fs::read_to_string(&path).with_context(|| path.to_string())?;
        // A program is not called by another one.
        if package.targets.iter().any(|target| target.is_bin()) && !text.contains("```rust") {
            continue;
        }
        projects.extend(examples(&package.name, &text).with_context(|| path.to_string())?);
    }
    let target = metadata.target_directory.join("examples");
    check_projects(&projects, "abort", target.as_std_path())
}

/// The examples of a README.
fn examples(package: &str, readme: &str) -> Result<Vec<Project>> {
    let dependencies = blocks(readme, |language| language == "toml");
    let dependencies = dependencies.into_iter().find_map(|text| {
        let rest = text.trim_start().strip_prefix("[dependencies]\n")?;
        Some(rest.to_owned())
    });
    let dependencies = dependencies.context("it names no [dependencies], in a block of toml")?;
    let is_rust = |language: &str| {
        matches!(language, "no_run" | "rust")
            || language.starts_with("rust,") && !language.contains("compile_fail")
    };
    let sources = blocks(readme, is_rust);
    ensure!(!sources.is_empty(), "it has no example");
    let projects = sources.into_iter().enumerate().map(|(index, source)| Project {
        name: format!("example-{package}-{index}"),
        dependencies: dependencies.clone(),
        source: program(&source),
    });
    Ok(projects.collect())
}

/// The code blocks of a text in a language.
fn blocks(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut blocks, mut block) = (Vec::new(), None);
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut block) {
            (Some(_), Some(_)) => blocks.extend(block.take().filter(|(is_wanted, _)| *is_wanted)),
            (Some(language), None) => block = Some((is_wanted(language), String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks.into_iter().map(|(_, text)| text).collect()
}

/// The program of an example: the lines that documentation hides are shown, and what has no `main` is put into one, as
/// `rustdoc` does.
fn program(example: &str) -> String {
    let shown = example.lines().map(|line| match line.strip_prefix("# ") {
        Some(line) => line,
        None if line == "#" => "",
        None => line,
    });
    let source: String = shown.flat_map(|line| ["\n", line]).chain(["\n"]).collect();
    let has_main = ["main!(", "fn main()", "#![no_main]"].iter().any(|main| source.contains(main));
    if has_main {
        return source;
    }
    let last = source.lines().last().unwrap_or_default();
    let result = last.strip_prefix("Ok::<").and_then(|rest| rest.strip_suffix(">(())"));
    let result = result.map_or(String::new(), |types| format!(" -> Result<{types}>"));
    format!("fn main(){result} {{\n{source}}}\n")
}

/// Checks the projects in a new folder outside of the repository, with this setting of `panic`. What is compiled is kept
/// in `target`.
fn check_projects(projects: &[Project], panic: &str, target: &Path) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder for the projects")?;
    let folder = folder.path();
    let mut members = String::new();
    for Project { name, dependencies, source } in projects {
        let project = folder.join(name);
        fs::create_dir_all(project.join("src"))?;
        let root = cargo::root().display();
        let dependencies = dependencies.replace(CLONE, &format!("\"{root}/"));
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}"
        );
        fs::write(project.join("Cargo.toml"), manifest)?;
        fs::write(project.join("src/main.rs"), source)?;
        write!(members, "{name:?}, ")?;
    }
    let workspace = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[profile.dev]\npanic = {panic:?}\n"
    );
    fs::write(folder.join("Cargo.toml"), workspace)?;
    // The same versions as in the repository.
    fs::copy(cargo::root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    for is_guest in [false, true] {
        let names = projects.iter().filter(|project| project.is_guest() == is_guest);
        let names: Vec<_> = names.map(|project| ["--package", &project.name]).collect();
        if names.is_empty() {
            continue;
        }
        let output = cargo::cargo()
            .current_dir(folder)
            .args(["check", "--quiet", "--target-dir"])
            .arg(target)
            .args(names.concat())
            .stdin(Stdio::null())
            .output()
            .context("cannot start cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_compiles_in_a_project_of_its_own() {
        check().unwrap();
    }

    const README: &str = "# x\n\n```toml\n[dependencies]\nletregion-rt = { path = \"../letregion/rt\" }\n```\n\n\
        ```rust\nuse rt::Config;\n# #[allow(unused)]\n#\nlet config = Config::default();\n# Ok::<(), rt::Error>(())\n```\n\n\
        ```text\nnot this\n```\n";

    #[test]
    fn an_example_is_a_program_with_the_dependencies_that_are_named() {
        let projects = examples("x", README).unwrap();
        let source = "fn main() -> Result<(), rt::Error> {\n\nuse rt::Config;\n#[allow(unused)]\n\n\
                      let config = Config::default();\nOk::<(), rt::Error>(())\n}\n";
        assert_eq!(
            projects,
            [Project {
                name: "example-x-0".into(),
                dependencies: "letregion-rt = { path = \"../letregion/rt\" }\n".into(),
                source: source.into(),
            }]
        );
        assert!(!projects[0].is_guest());
        let guest = "#![no_std]\n#![no_main]\n\nrt_xen::main!(hello);\n";
        assert_eq!(program(guest), format!("\n{guest}"));
        let error = examples("x", "```rust\nlet x = 1;\n```\n").unwrap_err().to_string();
        assert!(error.contains("no [dependencies]"), "{error}");
        let error = examples("x", "```toml\n[dependencies]\n```\n").unwrap_err().to_string();
        assert_eq!(error, "it has no example");
    }

    /// What the compiler says of the examples of a README.
    fn refusal(readme: &str, panic: &str) -> String {
        let target = metadata().unwrap().target_directory.join("examples");
        let result = check_projects(&examples("x", readme).unwrap(), panic, target.as_std_path());
        result.map_or_else(|error| error.to_string(), |()| "fine".into())
    }

    /// The check is worth something only if it refuses what it is there for.
    #[test]
    fn an_example_that_needs_more_than_is_named_is_refused() {
        let error = refusal(&README.replace("use rt::", "use layer::Instant;\nuse rt::"), "abort");
        assert!(error.contains("unresolved import `layer`"), "{error}");
    }

    #[test]
    fn a_guest_that_would_not_link_is_refused_in_words() {
        let path = cargo::root().join("letregion/README.md");
        let readme = fs::read_to_string(path).unwrap();
        let with = |features: &str| {
            let named = readme.replace(
                "letregion/letregion\" }",
                &format!("letregion/letregion\", {features} }}"),
            );
            assert_ne!(named, readme);
            named
        };
        let guest = with("default-features = false, features = [\"xen\"]");
        assert_eq!(refusal(&guest, "abort"), "fine");
        let error = refusal(&guest, "unwind");
        assert!(error.contains("error: a guest does not unwind: set `panic ="), "{error}");
        let error = refusal(&with("features = [\"xen\"]"), "abort");
        assert!(error.contains("error: a guest has no Linux process in it"), "{error}");
        let error = refusal(&with("default-features = false"), "abort");
        assert!(error.contains("error: a program needs a platform"), "{error}");
    }
}
