//! git over HTTP without a git on the other side ("dumb": gitprotocol-http(5)).

use std::{env, fs, path::Path, process::Command};

use lab::tools::Tool;

use super::{
    bed::{URL, client, folder, succeed, tool, with},
    files::FOLDER,
};

const GIT: Tool = tool("git", "git");

/// git in a folder, as somebody who is the same everywhere, without settings of the machine.
fn git(folder: &Path) -> Command {
    let mut command = client(&GIT);
    command.arg("-C").arg(folder);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Nobody");
        command.env(format!("GIT_{who}_EMAIL"), "nobody@example.org");
    }
    command
}

fn head(folder: &Path) -> String {
    succeed(git(folder).args(["rev-parse", "HEAD"])).out()
}

/// The history of a repository: packed objects and loose ones, branches and a tag.
fn make(folder: &Path) {
    let call = |args: &[&str]| drop(succeed(git(folder).args(args)));
    call(&["init", "--quiet", "--initial-branch=main"]);
    let commit = |number: usize| {
        let text = |line| format!("line {line} of {number}\n");
        fs::write(folder.join("text"), (0..1000).map(text).collect::<String>()).expect("it may");
        fs::create_dir_all(folder.join(format!("folder {}", number % 7))).expect("it may");
        let bytes = testkit::Random::new(number as u64).bytes(50_000);
        fs::write(folder.join(format!("folder {}/{number}", number % 7)), bytes).expect("it may");
        call(&["add", "--all"]);
        call(&["commit", "--quiet", "--message", &format!("commit {number}")]);
    };
    (0..10).for_each(commit);
    call(&["tag", "--annotate", "--message", "a tag", "v1"]);
    call(&["gc", "--quiet"]);
    (10..20).for_each(commit);
    call(&["branch", "other", "HEAD~5"]);
    call(&["update-server-info"]);
}

pub(crate) fn a_repository_is_cloned() {
    let (original, clone) = (folder(), folder());
    make(original.path());
    let served = original.path().join(".git");
    let program = env::current_exe().expect("this program has a path");
    let argument = format!("{FOLDER}{}", served.display());
    with(&[], &program, &[&argument], |_| {
        let clone = clone.path().join("clone");
        let mut command = git(original.path());
        command.args(["clone", "--quiet", &format!("{URL}/")]).arg(&clone);
        succeed(&mut command);
        assert_eq!(head(&clone), head(original.path()));
        succeed(git(&clone).args(["fsck", "--full", "--strict"]));
        for name in ["origin/other", "v1^{}"] {
            let (ours, theirs) = (name, name.trim_start_matches("origin/"));
            let of = |folder, name| succeed(git(folder).args(["rev-parse", name])).out();
            assert_eq!(of(&clone, ours), of(original.path(), theirs));
        }
        let count = succeed(git(&clone).args(["rev-list", "--count", "HEAD"])).out();
        assert_eq!(count, "20\n");
        let status = succeed(git(&clone).args(["status", "--porcelain"])).out();
        assert_eq!(status, "");
        assert_eq!(
            fs::read(clone.join("text")).expect("it is there"),
            fs::read(original.path().join("text")).expect("it is there")
        );
    });
}
