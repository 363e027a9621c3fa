//! A byte that says in how large pieces the rest comes, which is what a client sends to an HTTP server. What the client gets is
//! compared with a reference, and with what it gets if all comes at once.

#[path = "../../../http/tests/checked/mod.rs"]
mod checked;
#[path = "../../../http/tests/common/mod.rs"]
mod common;
#[path = "../../../http/tests/reference/mod.rs"]
mod reference;

pub(crate) fn run(input: &[u8]) {
    let (size, input) = input.split_first().unwrap_or((&0, &[]));
    checked::check(input, &[1 + usize::from(*size)]);
}
