//! All the layers on the interface.
