//! What a message between cores looks like: its kind and its topic are the tag of the ring, and the number of its question is before
//! its bytes.

/// How many bytes are before those of the service.
pub(crate) const HEAD_LEN: usize = 8;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody waits for an answer.
    Sent,
    /// A question.
    Question,
    /// The answer to one.
    Answer,
    /// There is no answer: a text says why.
    Failed,
    /// No service of that core answers such questions.
    NoService,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::Sent, Self::Question, Self::Answer, Self::Failed, Self::NoService];
}

/// The tag of a message.
pub(crate) fn tag(kind: Kind, topic: u16) -> u32 {
    (kind as u32) << 16 | u32::from(topic)
}

/// What the tag says; `None` if there is no such kind.
pub(crate) fn read_tag(tag: u32) -> Option<(Kind, u16)> {
    Some((*Kind::ALL.get(tag as usize >> 16)?, tag as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_kind_and_topic() {
        for kind in Kind::ALL {
            for topic in [0, 1, u16::MAX] {
                assert_eq!(read_tag(tag(kind, topic)), Some((kind, topic)));
            }
        }
        assert_eq!((read_tag(5 << 16), read_tag(u32::MAX)), (None, None));
    }
}
