//! Two hosts with all layers: one resolves names, the other is the server.

mod failing;
mod net;
mod resolving;
