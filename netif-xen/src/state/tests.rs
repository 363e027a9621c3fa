use super::{Action::*, XenbusState as B, *};

#[test]
fn every_pair_of_states() {
    // Unknown, Initialising, InitWait, Initialised, Connected, Closing, Closed, Reconfiguring,
    // Reconfigured.
    let table = [
        (Front::Initialising, [Wait, Wait, Offer, Wait, Wait, Close, Wait, Wait, Wait]),
        (Front::Offered, [Wait, Wait, Wait, Wait, Open, Close, Close, Wait, Wait]),
        (Front::Open, [Close, Close, Close, Close, Wait, Close, Close, Wait, Wait]),
        (Front::Closed, [Wait, Restart, Restart, Wait, Wait, Wait, Restart, Wait, Wait]),
    ];
    for (front, actions) in table {
        for (backend, action) in B::ALL.into_iter().zip(actions) {
            assert_eq!(front.next(backend, true), action, "{front:?} and {backend:?}");
            // A device that is to go is not begun anew; all else is the same.
            let leaving = if action == Restart { Wait } else { action };
            assert_eq!(front.next(backend, false), leaving, "{front:?} and {backend:?}, leaving");
        }
    }
}

#[test]
fn values_of_xenstore() {
    for (number, state) in B::ALL.into_iter().enumerate() {
        assert_eq!(B::parse(std::format!("{number}").as_bytes()), state);
    }
    for value in [&b""[..], b"9", b"-1", b"44", b" 4", b"4 ", b"4\0", b"\xff", b"Connected", b":"] {
        assert_eq!(B::parse(value), B::Unknown, "{value:?}");
    }
}

/// What our end becomes.
fn after(front: Front, action: Action) -> Front {
    match action {
        Wait => front,
        Offer => Front::Offered,
        Open => Front::Open,
        Close => Front::Closed,
        Restart => Front::Initialising,
    }
}

#[test]
fn no_backend_that_stands_still_keeps_us_going_round() {
    for backend in B::ALL {
        for mut front in [Front::Initialising, Front::Offered, Front::Open, Front::Closed] {
            let mut steps = 0;
            loop {
                let action = front.next(backend, true);
                if action == Wait {
                    break;
                }
                front = after(front, action);
                steps += 1;
                assert!(steps < 4, "{front:?} and {backend:?}");
            }
        }
    }
}

#[test]
fn whatever_happened_before_a_backend_that_does_as_linux_does_gets_us_open() {
    for mut front in [Front::Initialising, Front::Offered, Front::Open, Front::Closed] {
        // It has just been started again.
        let mut backend = B::Closed;
        for _ in 0..8 {
            front = after(front, front.next(backend, true));
            backend = match front.state() {
                B::Initialising => B::InitWait,
                state => state,
            };
        }
        assert_eq!((front, backend), (Front::Open, B::Connected));
    }
}
