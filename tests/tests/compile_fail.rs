//! Misuse that does not compile: in `ui/`, a folder for each rule, a file for each way to break it, and
//! a twin that passes.

#[test]
fn misuse_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/*/pass.rs");
    for rule in [
        "errors_of_a_service",
        "layers_in_order",
        "no_destructors",
        "one_machine",
        "one_platform",
        "one_thread",
        "packets_stay_in_their_region",
        "tasks_borrow_nothing_around_them",
        "what_a_task_receives_stays_in_it",
    ] {
        for case in std::fs::read_dir(format!("tests/ui/{rule}")).expect("the rule has a folder") {
            let case = case.expect("a file").path();
            if case.extension().is_some_and(|end| end == "rs") && !case.ends_with("pass.rs") {
                cases.compile_fail(case);
            }
        }
    }
}
