//! What is asked for behind the question mark of a target.

/// Which parts of the state are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// `history=N`: the samples of the history from number N on.
    pub(crate) history: u64,
    /// `log=N`: the lines of the log from number N on.
    pub(crate) log: u64,
    /// `map=1`: the map of the memory too.
    pub(crate) map: bool,
}

impl Query {
    /// Reads a query. What is unknown or is no number is ignored, as if it were not there.
    pub(crate) fn new(text: &str) -> Self {
        let mut query = Self::default();
        for part in layer::split::split(text, b'&') {
            let (name, value) = layer::split::split_once(part, b'=');
            let number = layer::decimal(value.unwrap_or_default().as_bytes(), u64::MAX);
            let Some(number) = number else { continue };
            match name {
                "history" => query.history = number,
                "log" => query.log = number,
                "map" => query.map = number > 0,
                _ => {}
            }
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_all_else_is_ignored() {
        assert_eq!(Query::new(""), Query::default());
        assert_eq!(Query::new("log=7"), Query { log: 7, ..Query::default() });
        let all = Query { history: 3, log: u64::MAX, map: true };
        assert_eq!(Query::new("history=3&map=1&log=18446744073709551615&x=1&&=&map"), all);
        for bad in ["log=-1", "log=", "log", "history=1x", "log=18446744073709551616", "map=0"] {
            assert_eq!(Query::new(bad), Query::default(), "{bad}");
        }
    }
}
