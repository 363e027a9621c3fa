//! What peers, and memory that runs out, do to services that are tasks: one request is lost, nothing else.

#[path = "tasks/net.rs"]
mod net;

#[path = "tasks/attacked.rs"]
mod attacked;

#[path = "tasks/exhausted.rs"]
mod exhausted;
