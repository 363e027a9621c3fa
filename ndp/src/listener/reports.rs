//! What routers are told, and when (RFC 9777 6.1 to 6.3, 8.2; RFC 2710 4, 5).

use core::net::Ipv6Addr;

use layer::Instant;

use super::{
    Listener, MAX_GROUPS, MIN_ANSWER_INTERVAL, MIN_REFRESH_INTERVAL, NEVER, OLDER_VERSION, Random,
    UNSOLICITED_REPORT_INTERVAL, UNSOLICITED_REPORT_INTERVAL_V1,
};
use crate::wire::{Query, Record};

/// A report to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Whether it is of version 1, which has one record.
    pub(crate) is_v1: bool,
    /// What it says of the groups.
    pub(crate) records: [Option<(Record, Ipv6Addr)>; MAX_GROUPS],
}

impl Report {
    const fn new(is_v1: bool) -> Self {
        Self { is_v1, records: [None; MAX_GROUPS] }
    }

    /// The report, unless it says nothing.
    fn some(self) -> Option<Self> {
        self.records.iter().any(Option::is_some).then_some(self)
    }
}

impl Listener {
    /// Records a query of a router.
    pub(crate) fn queried(&mut self, now: Instant, query: &Query, random: &mut Random) {
        if query.is_v1 {
            if self.v1_until <= now {
                self.forget_pending();
            }
            self.v1_until = now + OLDER_VERSION + query.response;
        }
        let is_v1 = now < self.v1_until;
        let mut at = |before: Instant| before.min(now + random.up_to(query.response));
        match query.group {
            // RFC 9777 6.2: one answer for all groups; a time that is chosen already stays if it is sooner.
            None if !is_v1 => self.answer = at(self.answer),
            asked => {
                let concerns = |group: Ipv6Addr| asked.is_none_or(|asked| asked == group);
                for group in self.groups.iter_mut().flatten() {
                    if group.listens() && group.is_reported() && concerns(group.address) {
                        group.answer = at(group.answer);
                    }
                }
            }
        }
    }

    /// Another host has answered the query for a group, which in version 1 is enough (RFC 2710 4).
    pub(crate) fn answered_by_another(&mut self, now: Instant, address: Ipv6Addr) {
        let mut groups = self.groups.iter_mut().flatten();
        if now < self.v1_until
            && let Some(group) = groups.find(|group| group.address == address)
        {
            group.answer = NEVER;
        }
    }

    /// Reports all groups anew: the link is back, or there is a link-local address to report from (RFC 9777 5.2.13).
    pub(crate) fn refresh(&mut self, now: Instant) {
        let at = now.max(self.no_refresh_before);
        self.no_refresh_before = at + MIN_REFRESH_INTERVAL;
        for group in self.groups.iter_mut().flatten().filter(|group| group.listens()) {
            group.change();
            if group.is_reported() {
                group.change = at;
            }
        }
    }

    /// Returns the next report that is due at `now`. The caller repeats this until it is `None`.
    pub(crate) fn due(&mut self, now: Instant, random: &mut Random) -> Option<Report> {
        let is_v1 = now < self.v1_until;
        if let Some(report) = self.due_changes(now, is_v1, random) {
            return Some(report);
        }
        if now < self.no_answer_before {
            return None;
        }
        let all = self.answer <= now;
        if all {
            self.answer = NEVER;
        }
        let mut report = Report::new(is_v1);
        for (place, record) in self.groups.iter_mut().zip(&mut report.records) {
            let Some(group) = place else { continue };
            if !group.listens() || !group.is_reported() || !(all || group.answer <= now) {
                continue;
            }
            group.answer = NEVER;
            *record = Some((Record::Listens, group.address));
            self.no_answer_before = now + MIN_ANSWER_INTERVAL;
            if is_v1 {
                break;
            }
        }
        report.some()
    }

    /// When a report is due, or [`NEVER`].
    pub(crate) fn next(&self) -> Instant {
        let groups = self.groups.iter().flatten();
        let answer = groups.clone().map(|group| group.answer).min().unwrap_or(NEVER);
        let answer = answer.min(self.answer);
        let answer = if answer < NEVER { answer.max(self.no_answer_before) } else { NEVER };
        groups.map(|group| group.change).min().unwrap_or(NEVER).min(answer)
    }

    /// The reports of changes: all of them in one of version 2, or one after the other in version 1.
    fn due_changes(&mut self, now: Instant, is_v1: bool, random: &mut Random) -> Option<Report> {
        let mut report = Report::new(is_v1);
        let most = if is_v1 { UNSOLICITED_REPORT_INTERVAL_V1 } else { UNSOLICITED_REPORT_INTERVAL };
        // Version 2 repeats all of them at one time, so that they are in one report.
        let next = now + random.up_to(most);
        for (index, record) in report.records.iter_mut().enumerate() {
            let Some(group) = &mut self.groups[index] else { continue };
            if now < group.change {
                continue;
            }
            let (address, listens) = (group.address, group.listens());
            group.changes = group.changes.saturating_sub(1);
            // Done of version 1 is sent once (RFC 2710 5).
            if is_v1 && !listens {
                group.changes = 0;
            }
            group.change = if group.changes == 0 { NEVER } else { next };
            self.drop_if_done(index);
            *record = Some((if listens { Record::Joined } else { Record::Left }, address));
            if is_v1 {
                break;
            }
        }
        report.some()
    }

    /// Forgets what is pending, because the version changes (RFC 9777 8.2.1).
    fn forget_pending(&mut self) {
        self.answer = NEVER;
        for index in 0..self.groups.len() {
            if let Some(group) = &mut self.groups[index] {
                (group.answer, group.change, group.changes) = (NEVER, NEVER, 0);
            }
            self.drop_if_done(index);
        }
    }
}
