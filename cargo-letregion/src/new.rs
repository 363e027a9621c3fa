//! `cargo letregion new`: a service of one's own.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use lab::cargo::{self, FACADE};

use crate::arguments::New;

/// What a service is until somebody changes it: the files in `src`, the features of letregion that it needs, what it does,
/// and a request to try.
struct Template {
    files: &'static [(&'static str, &'static str)],
    features: &'static str,
    does: &'static str,
    request: &'static str,
}

/// One on UDP, which returns what it is sent.
const ECHO: Template = Template {
    files: &[("main.rs", include_str!("new/main.rs.txt"))],
    features: "",
    does: "a service that returns what it is sent",
    request: "hello",
};
/// One on HTTP.
const HTTP: Template = Template {
    files: &[
        ("main.rs", include_str!("new/http/main.rs.txt")),
        ("index.html", include_str!("new/http/index.html")),
    ],
    features: ", features = [\"http\"]",
    does: "an HTTP service with a route, a file and a test",
    request: "/double/21",
};
/// What no package can be called: what a program finds by this name is something else.
const TAKEN: [&str; 8] =
    ["alloc", "build", "core", "deps", "examples", "incremental", "std", "test"];
/// The words of the language, which no crate can be called.
const WORDS: [&str; 53] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];
/// The longest name of a package that crates.io takes, in bytes.
const LONGEST_NAME: usize = 64;

/// Makes a folder with a manifest and a program in it.
///
/// # Errors
/// No package can be called so, the folder exists, there is no letregion where it was said to be, or a file cannot
/// be written.
pub(crate) fn make(arguments: &New) -> Result<()> {
    let name = &arguments.name;
    let Template { files, features, does, request } = if arguments.http { &HTTP } else { &ECHO };
    check_name(name)?;
    let dependency = dependency(arguments)?;
    let folder = Path::new(name);
    let here = env::current_dir().context("the current folder is gone")?;
    let apart = if is_in_a_workspace(&here) { "\n[workspace]\n" } else { "" };
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\n{FACADE} = {{ {dependency}{features} }}\n{apart}"
    );
    fs::create_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{name} exists already: choose another name, or remove it")
        }
        _ => anyhow::Error::new(error).context(format!("cannot make the folder {name}")),
    })?;
    write(&folder.join("Cargo.toml"), &manifest)?;
    fs::create_dir(folder.join("src")).context("cannot make the folder src")?;
    for (file, content) in *files {
        write(&folder.join("src").join(file), content)?;
    }
    // The versions of other people's crates that this tool was tested with; cargo takes out what is not needed.
    let lock = cargo::root().join("Cargo.lock");
    if lock.is_file() {
        fs::copy(&lock, folder.join("Cargo.lock"))
            .with_context(|| format!("cannot copy {}", lock.display()))?;
    }
    let sources: Vec<_> = files.iter().map(|(file, _)| format!("src/{file}")).collect();
    eprintln!(
        "made {name}: Cargo.toml, {}: {does}\n\n  \
           cd {name}\n  \
           cargo letregion run --request {request}\n  \
           cargo letregion run --on kvm --request {request}\n  \
           cargo letregion run --on xen --request {request}",
        sources.join(", ")
    );
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Checks that a package can be called so, and its program too.
fn check_name(name: &str) -> Result<()> {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    ensure!(
        begins && name.chars().all(fits) && name.len() <= LONGEST_NAME,
        "no package can be called {name:?}: a name begins with a letter, has letters, digits, '-' and '_' after it, \
         and at most {LONGEST_NAME} of them"
    );
    ensure!(
        !WORDS.contains(&name) && !TAKEN.contains(&name),
        "no package can be called {name}: Rust or cargo has the word for something else"
    );
    ensure!(name != FACADE, "{name} is what the package depends on: choose another name");
    Ok(())
}

/// Where the letregion of the package is, as a manifest says it.
fn dependency(arguments: &New) -> Result<String> {
    if let Some(git) = &arguments.git {
        check_text("--git", git)?;
        let at = match (&arguments.rev, &arguments.branch) {
            (Some(rev), _) => {
                check_text("--rev", rev)?;
                format!(", rev = \"{rev}\"")
            }
            (None, Some(branch)) => {
                check_text("--branch", branch)?;
                format!(", branch = \"{branch}\"")
            }
            (None, None) => String::new(),
        };
        return Ok(format!("git = \"{git}\"{at}"));
    }
    let found = match &arguments.path {
        Some(path) => facade(path)?,
        None => facade(cargo::root())
            .context("the folder that this tool was built from is no more what it was")?,
    };
    let text = found.to_str().with_context(|| format!("{} is no UTF-8", found.display()))?;
    check_text("--path", text)?;
    Ok(format!("path = \"{text}\""))
}

/// Checks that a text can be written into a manifest as it is.
fn check_text(option: &str, text: &str) -> Result<()> {
    ensure!(
        !text.is_empty() && !text.contains(['"', '\\']) && !text.chars().any(char::is_control),
        "{option}: {text:?} is empty, or has quotes, backslashes or control characters in it"
    );
    Ok(())
}

/// The folder of the package letregion: this one, or in this one, as in the repository.
fn facade(folder: &Path) -> Result<PathBuf> {
    let full = folder
        .canonicalize()
        .with_context(|| format!("there is no folder {}", folder.display()))?;
    let is_it = |folder: &PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line.trim() == format!("name = \"{FACADE}\""))
    };
    match [full.clone(), full.join(FACADE)].into_iter().find(is_it) {
        Some(found) => Ok(found),
        None => {
            bail!("there is no package {FACADE} in {} or in its folder {FACADE}", full.display())
        }
    }
}

/// Whether cargo would take a package in this folder for a part of a workspace that does not know it.
fn is_in_a_workspace(folder: &Path) -> bool {
    folder.ancestors().any(|folder| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line.trim_start().starts_with("[workspace"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages_are_taken_and_others_refused() {
        for name in ["hello", "my-service", "Service_2", "a"] {
            check_name(name).unwrap();
        }
        for name in ["", "2nd", "a b", "a/b", "../a", "-a", "ä", "fn", "test", FACADE] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(check_name(&"a".repeat(65)).is_err());
        assert!(WORDS.is_sorted() && TAKEN.is_sorted());
    }

    #[test]
    fn what_would_break_a_manifest_is_refused() {
        for text in ["", "a\"b", "a\\b", "a\nb"] {
            assert!(check_text("--git", text).is_err(), "{text:?}");
        }
        check_text("--git", "file:///a b/c").unwrap();
    }

    #[test]
    fn a_folder_without_it_is_refused() {
        let error = format!("{:#}", facade(Path::new("/no/such/folder")).unwrap_err());
        assert!(error.contains("/no/such/folder"), "{error}");
        let error = facade(Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("no package letregion"), "{error}");
    }
}
