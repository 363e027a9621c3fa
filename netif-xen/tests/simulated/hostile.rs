//! A backend that does as it likes.
