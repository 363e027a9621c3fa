//! Parts of a segment that the RFCs leave to each host.

use super::{
    answer::Answer,
    compare::Step,
    segment::{Opt, PSH, RST},
};

/// A part of an answer that the RFCs leave open: not compared.
pub(super) struct Liberty {
    /// What it is.
    pub(super) name: &'static str,
    /// Which RFC leaves the choice, and what each does.
    pub(super) why: &'static str,
    /// Takes that part out of an answer, and gives it.
    pub(super) take: fn(&[Step], &mut Answer) -> String,
}

pub(super) const LIBERTIES: &[Liberty] = &[
    Liberty {
        name: "the window",
        why: "RFC 9293 3.8.6: each host has the buffers that it has. Whether a window is closed is compared. That of a \
              reset says nothing",
        take: |_, answer| {
            let window = answer.window;
            answer.window = u16::from(window > 0 && answer.flags & RST == 0);
            window.to_string()
        },
    },
    Liberty {
        name: "the scale of the window",
        why: "RFC 7323 2.2: each host has the shift that its largest window needs",
        take: |_, answer| {
            let shifts = answer.options.iter_mut().filter_map(|option| match option {
                Opt::Scale(shift) => Some(std::mem::take(shift).to_string()),
                _ => None,
            });
            shifts.collect()
        },
    },
    Liberty {
        name: "a push",
        why: "RFC 9293 3.9.1.2: a host decides when it pushes what its application has not. Linux does it in the middle of \
              what it sends too, when that is half of the window",
        take: |_, answer| {
            let push = answer.flags & PSH;
            answer.flags &= !PSH;
            push.to_string()
        },
    },
    Liberty {
        name: "the time that a timestamp says",
        why: "RFC 7323 5.4: each host has its own clock, of milliseconds here, and time passes for Linux",
        take: |_, answer| {
            let values = answer.options.iter_mut().filter_map(|option| match option {
                Opt::Timestamps(value, _) => Some(std::mem::take(value).to_string()),
                _ => None,
            });
            values.collect()
        },
    },
];
