//! The README shows parts of the examples, which are compiled.

#[test]
fn the_excerpts_of_the_readme_are_in_the_example() {
    let (readme, example) = (include_str!("../README.md"), include_str!("../examples/names.rs"));
    let (_, rest) = readme.split_once("```rs\n").expect("there is an excerpt");
    let (excerpt, _) = rest.split_once("```").expect("it ends");
    let lines: Vec<_> = example.lines().map(str::trim).collect();
    assert!(excerpt.lines().count() >= 3);
    for line in excerpt.lines() {
        assert!(lines.contains(&line.trim()), "{line}");
    }
}
