//! Faults inside one process: memory that runs out at any allocation, a clock that jumps, a device that
//! takes nothing. What each does is written in `docs/operations.md`.

#![forbid(unsafe_code)]

mod faults {
    mod clock;
    mod device;
    mod exhausted;
    mod server;
}
