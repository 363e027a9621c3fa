//! What is asked of each peer.

use std::fmt;

/// The length of a long body, in bytes.
pub(crate) const BULK: u64 = 1_000_000;

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// One line, again and again on so many connections.
    KeepAlive(u16),
    /// One line, on a new connection each, so many at once.
    Close(u16),
    /// Long replies on one connection.
    BulkOut,
    /// Long bodies of requests on one connection.
    BulkIn,
    /// One line, again and again on one connection, while so many others are idle.
    Idle(u16),
}

impl Setting {
    /// All that is measured.
    pub(crate) const ALL: [Self; 8] = [
        Self::KeepAlive(1),
        Self::KeepAlive(16),
        Self::KeepAlive(64),
        Self::Close(1),
        Self::Close(16),
        Self::BulkOut,
        Self::BulkIn,
        Self::Idle(10_000),
    ];
    /// As little as will show that everything works.
    pub(crate) const QUICK: [Self; 5] =
        [Self::KeepAlive(16), Self::Close(4), Self::BulkOut, Self::BulkIn, Self::Idle(100)];

    /// The arguments of the load.
    pub(crate) fn arguments(self) -> Vec<String> {
        let line =
            |mode: &str, more: &[String]| [&["--mode".to_owned(), mode.to_owned()], more].concat();
        let pair = |name: &str, value: u64| [name.to_owned(), value.to_string()];
        match self {
            Self::KeepAlive(count) => line("keep-alive", &pair("--connections", count.into())),
            Self::Close(count) => line("close", &pair("--connections", count.into())),
            Self::BulkOut => line("keep-alive", &["--path".into(), format!("/bytes/{BULK}")]),
            Self::BulkIn => {
                let path = ["--path".to_owned(), "/sink".to_owned()];
                line("post", &[path, pair("--body", BULK)].concat())
            }
            Self::Idle(count) => line("keep-alive", &pair("--idle", count.into())),
        }
    }

    /// Whether bytes are counted, and not replies.
    pub(crate) fn is_bulk(self) -> bool {
        matches!(self, Self::BulkOut | Self::BulkIn)
    }

    /// smoltcp has a fixed number of connections, with buffers of a fixed size.
    pub(crate) fn smoltcp_arguments(self) -> Vec<String> {
        match self {
            Self::Idle(count) => {
                vec![format!("--connections={}", count + 16), "--buffer=2048".into()]
            }
            Self::BulkOut | Self::BulkIn => {
                vec!["--connections=4".into(), format!("--buffer={}", 1 << 20)]
            }
            Self::KeepAlive(_) | Self::Close(_) => vec!["--connections=128".into()],
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepAlive(count) => write!(f, "keep-alive, {count}"),
            Self::Close(count) => write!(f, "connections, {count}"),
            Self::BulkOut => f.write_str("bulk out"),
            Self::BulkIn => f.write_str("bulk in"),
            Self::Idle(count) => write!(f, "1 beside {} idle", lab::grouped((*count).into())),
        }
    }
}
