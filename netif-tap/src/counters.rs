//! What is counted.

layer::counters! {
    /// What a TAP device counted.
    pub struct Counters of "tap" {
        /// Frames received.
        frames_rx,
        /// Bytes received, Ethernet headers included.
        bytes_rx,
        /// Frames received and lost: the packet's region had no room.
        rx_no_room,
        /// Frames received and dropped: longer than the MTU that the device had when it was opened.
        rx_too_long,
        /// Frames received and dropped: many in one, and not of UDP or TCP over IPv4, or with lengths that do not
        /// agree.
        rx_not_cut,
        /// Frames received that are many TCP segments as one.
        rx_joined,
        /// Frames sent. One that the kernel is to cut counts once.
        frames_tx,
        /// Bytes sent, Ethernet headers included.
        bytes_tx,
        /// Frames not sent: the kernel's queue was full.
        tx_queue_full,
        /// Frames not sent: the interface was down.
        tx_interface_down,
        /// Frames not sent: longer than the MTU, or shorter than an Ethernet header.
        tx_bad_length,
        /// Frames not sent: the kernel refused them.
        tx_refused,
        /// Writes that carried more than one frame.
        writes_joined,
        /// Reads that gave more than one frame.
        reads_cut,
    }
}
