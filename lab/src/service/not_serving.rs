//! The error of a service that does not serve.

use std::{error, fmt};

/// A service that was started does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotServing {
    /// What became of it.
    pub how: String,
    /// The lines that it wrote, which the message has too: who has shown them says only the rest.
    pub said: Vec<String>,
}

impl fmt::Display for NotServing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { how, said } = self;
        f.write_str(how)?;
        if said.is_empty() { Ok(()) } else { write!(f, "; it said: {}", said.join("\n")) }
    }
}

impl error::Error for NotServing {}
