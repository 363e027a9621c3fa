//! What is done about loss: fast recovery (RFC 6675, RFC 6582) with Proportional Rate Reduction (RFC 9937), and slow
//! start after a timeout.

use crate::Seq;

/// Whether lost data is being sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is lost.
    Open,
    /// A loss was found by what arrived.
    Recovery,
    /// The retransmission timer expired.
    Loss,
}

#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) phase: Phase,
    /// SND.NXT when it began: it ends when this is acknowledged.
    pub(super) point: Seq,
    /// Without SACK: how many bytes duplicate acknowledgments stand for.
    duplicates: u32,
    /// How many duplicate acknowledgments there were in a row.
    pub(super) duplicate_acks: u8,
    /// `RecoverFS`, `prr_delivered` and `prr_out` (RFC 9937 6).
    flight: u32,
    delivered: u32,
    sent: u32,
    /// Whether data arrived that had been sent before other data that arrived earlier.
    pub(super) reordering: bool,
    /// By how much the time that late data gets is multiplied, and for how many recoveries more (RFC 8985 6.2, step 4).
    pub(super) patience: u8,
    patient_for: u8,
    /// SND.NXT when it last grew.
    patient_since: Seq,
}

/// For how many recoveries late data gets more time.
const PATIENT_FOR: u8 = 16;

impl Recovery {
    pub(super) fn new(first: Seq) -> Self {
        Self {
            phase: Phase::Open,
            // The SYN, which does not count.
            point: Seq(first.0.wrapping_sub(1)),
            duplicates: 0,
            duplicate_acks: 0,
            flight: 0,
            delivered: 0,
            sent: 0,
            reordering: false,
            patience: 1,
            patient_for: 0,
            patient_since: first,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Open
    }

    /// How many bytes left the network by what duplicate acknowledgments say.
    pub(super) fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// A duplicate acknowledgment, without SACK: a segment of `mss` bytes left the network, one of `outstanding` bytes of
    /// which the first segment did not. Returns how many bytes that are.
    pub(super) fn duplicate(&mut self, mss: u32, outstanding: u32) -> u32 {
        self.duplicate_acks = self.duplicate_acks.saturating_add(1);
        let bytes = mss.min(outstanding.saturating_sub(mss).saturating_sub(self.duplicates));
        self.duplicates += bytes;
        bytes
    }

    /// `acked` new bytes were acknowledged, without SACK. Returns how many of them were not counted yet.
    pub(super) fn acked(&mut self, acked: u32, mss: u32) -> u32 {
        // The first segment was not among the duplicates (RFC 6582 3.2, step 4).
        let counted = acked.saturating_sub(mss).min(self.duplicates);
        self.duplicates -= counted;
        self.duplicate_acks = 0;
        acked - counted
    }

    /// What duplicate acknowledgments said is not believed any more.
    pub(super) fn forget_duplicates(&mut self) {
        (self.duplicates, self.duplicate_acks) = (0, 0);
    }

    /// Recovery begins, with `flight` bytes of which it will be known whether they arrive.
    pub(super) fn begin(&mut self, next: Seq, flight: u32) {
        (self.phase, self.point) = (Phase::Recovery, next);
        (self.flight, self.delivered, self.sent) = (flight.max(1), 0, 0);
    }

    /// SND.UNA moved on to `una`, and what is far behind is brought along, since numbers wrap around.
    pub(super) fn passed(&mut self, una: Seq) {
        self.point = self.point.max(Seq(una.0.wrapping_sub(1)));
        self.patient_since = self.patient_since.max(una);
    }

    /// It is over.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Open;
        self.forget_duplicates();
        match self.patient_for {
            0 => self.patience = 1,
            _ => self.patient_for -= 1,
        }
    }

    /// The peer got data twice, so it was only late: more patience from now on, once in a round trip.
    pub(super) fn duplicate_reported(&mut self, una: Seq, next: Seq) {
        self.patient_for = PATIENT_FOR;
        if !una.is_before(self.patient_since) {
            self.patient_since = next;
            self.patience = self.patience.saturating_add(1);
        }
    }

    /// Data was sent.
    pub(super) fn sent(&mut self, bytes: u32) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// An acknowledgment during recovery, of `delivered` bytes: returns the congestion window (RFC 9937 6.2). `safe` says
    /// that SND.UNA advanced and nothing more was lost.
    pub(super) fn window(
        &mut self,
        delivered: u32,
        in_flight: u32,
        threshold: u32,
        mss: u32,
        safe: bool,
    ) -> u32 {
        self.delivered = self.delivered.saturating_add(delivered);
        let mut count = if in_flight > threshold {
            let share = u64::from(self.delivered) * u64::from(threshold);
            (share.div_ceil(self.flight.into()) as u32).saturating_sub(self.sent)
        } else {
            let count = self.delivered.saturating_sub(self.sent).max(delivered);
            let count = if safe { count.saturating_add(mss) } else { count };
            count.min(threshold - in_flight)
        };
        if self.sent == 0 {
            count = count.max(mss);
        }
        (in_flight + count).max(mss)
    }
}
