//! What was seen in conversations.

/// What has happened, in numbers. Of pairs, the first is ours and the second smoltcp's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Turns of either side.
    pub(crate) steps: u64,
    pub(crate) packets: u64,
    pub(crate) conversations: u64,
    pub(crate) ours_connected: u64,
    pub(crate) peer_connected: u64,
    /// Segments that closed the window.
    pub(crate) zero_windows: [u64; 2],
    /// Conversations in which this side had sent all long before the other.
    pub(crate) half_closed: [u64; 2],
    pub(crate) resets: [u64; 2],
    /// Conversations in which smoltcp had forgotten the connection before it had acknowledged our FIN.
    pub(crate) late_fins: u64,
    /// The longest conversation, in seconds.
    pub(crate) longest: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.packets += other.packets;
        self.conversations += other.conversations;
        self.ours_connected += other.ours_connected;
        self.peer_connected += other.peer_connected;
        for side in 0..2 {
            self.zero_windows[side] += other.zero_windows[side];
            self.half_closed[side] += other.half_closed[side];
            self.resets[side] += other.resets[side];
        }
        self.late_fins += other.late_fins;
        self.longest = self.longest.max(other.longest);
    }
}
