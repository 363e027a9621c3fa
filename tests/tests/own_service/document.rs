//! What the document says.

use std::fs;

use lab::cargo;

use super::folder::PUBLISHED;

/// One thing to do, or to look at.
#[derive(Debug)]
pub(crate) enum Step {
    /// Type this.
    Type(String),
    /// The last command has written this to standard output.
    Expect(String),
    /// The program is this.
    Show(String),
    /// Replace a line of it by this.
    Replace(String),
}

/// The steps in their order. Where there are two ways, that of `by_git` is taken, or the other one.
pub(crate) fn steps(by_git: bool) -> Vec<Step> {
    let path = cargo::root().join("docs/your-own-service.md");
    let document = fs::read_to_string(path).expect("the document is there");
    let mut steps = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = block.join("\n");
        match kind {
            "sh" => {
                let makes = block.iter().any(|line| line.starts_with("cargo letregion new"));
                if !(by_git && makes) {
                    steps.extend(typed(&block));
                }
            }
            "sh git" if by_git => steps.extend(typed(&block)),
            // Beside the first package, which shows both ways.
            "sh http" => steps.extend(typed(&block).map(|step| match step {
                Step::Type(line) if by_git && line.starts_with("cargo letregion new") => {
                    Step::Type(format!("{line} --git {PUBLISHED}"))
                }
                step => step,
            })),
            "text" => steps.push(Step::Expect(text)),
            "rust,ignore" => steps.push(Step::Show(text + "\n")),
            "rust replace" => steps.push(Step::Replace(text)),
            "sh git" | "toml" | "console" => {}
            other => panic!("nobody knows what to do with {other:?}"),
        }
    }
    let count = |wanted: fn(&Step) -> bool| steps.iter().filter(|step| wanted(step)).count();
    assert!(count(|step| matches!(step, Step::Type(_))) >= 9, "{steps:#?}");
    assert!(count(|step| matches!(step, Step::Expect(_))) >= 3, "{steps:#?}");
    steps
}

fn typed(block: &[&str]) -> impl Iterator<Item = Step> {
    block.iter().map(|line| Step::Type((*line).to_owned()))
}
