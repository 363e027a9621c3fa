//! Layers that are not in this repository yet, written against the signatures of the tower, with nothing below or above
//! them changed: two networks of different families as one, and a layer that gets an address and changes it.

#[path = "composition/dual.rs"]
mod dual;
#[path = "composition/lease.rs"]
mod lease;
