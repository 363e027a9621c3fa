//! What the services answer.

use super::support::{FACTORIAL, FIBONACCI, PORT, ask_text, connect, with_service};

pub(crate) fn fibonacci_and_factorial() {
    with_service("facfib", &[], |lab, _| {
        let (factorial, fibonacci) = (connect(lab, FACTORIAL), connect(lab, FIBONACCI));
        for (request, reply) in [("0", "1"), ("1", "1"), ("20", "2432902008176640000")] {
            assert_eq!(ask_text(&factorial, request), reply, "{request}!");
        }
        for (request, reply) in [("0", "0"), ("1", "1"), ("90", "2880067194370816120")] {
            assert_eq!(ask_text(&fibonacci, request), reply, "F({request})");
        }
    });
}

pub(crate) fn monte_carlo() {
    with_service("monte-carlo", &[], |lab, _| {
        assert_eq!(ask_text(&connect(lab, PORT), "3650"), "3.1408219");
    });
}

pub(crate) fn sort_sorts() {
    with_service("sort", &[], |lab, _| {
        let socket = connect(lab, PORT);
        assert_eq!(ask_text(&socket, "2 7 1 8 2 8"), "1 2 2 7 8 8");
        assert_eq!(ask_text(&socket, "5"), "5");
    });
}

pub(crate) fn bad_requests_are_told_what_is_allowed() {
    for (app, port, good, bad) in [
        ("facfib", FACTORIAL, "3", &["", "x", "-1", "1.5", "99999999999999999999", "\0\u{ff}"][..]),
        ("facfib", FIBONACCI, "3", &["", "x", "-1", "1.5", "99999999999999999999"]),
        ("monte-carlo", PORT, "10", &["", "x", "0", "-1", "99999999999999999999"]),
        ("sort", PORT, "2 1", &["1 x", "1,2", "99999999999999999999"]),
    ] {
        with_service(app, &[], |lab, _| {
            let socket = connect(lab, port);
            let result = ask_text(&socket, good);
            assert!(!result.is_empty() && !result.contains("allowed"), "{app}: {result}");
            for request in bad {
                let reply = ask_text(&socket, request);
                let is_one_line = !reply.is_empty() && !reply.contains('\n');
                assert!(is_one_line && reply.contains("allowed"), "{app}: {request:?}: {reply:?}");
            }
            // What went before has changed nothing.
            assert_eq!(ask_text(&socket, good), result, "{app}");
        });
    }
}
