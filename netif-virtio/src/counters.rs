//! The counters of the interface.

layer::counters! {
    /// The counters of a virtio network device.
    pub struct Counters of "virtio" {
        /// Frames received.
        frames_rx,
        /// Bytes received, Ethernet headers included.
        bytes_rx,
        /// Frames received and lost: the packet's region or the pool had no room.
        rx_no_room,
        /// Frames received and dropped: longer than the MTU.
        rx_too_long,
        /// Frames received and dropped: shorter than an Ethernet header.
        rx_too_short,
        /// Frames sent.
        frames_tx,
        /// Bytes sent, Ethernet headers included.
        bytes_tx,
        /// Frames that waited for room in the queue, whether they were sent afterwards or not.
        tx_waited,
        /// Frames not sent: the queue was full, and had no room after the wait.
        tx_queue_full,
        /// Frames not sent: the device was not ready.
        tx_interface_down,
        /// Frames not sent: longer than the MTU, or shorter than an Ethernet header; or the device does not do what was
        /// left undone.
        tx_bad_length,
        /// Notifications sent to the device.
        notifications,
        /// How often the device was made ready.
        connections,
        /// Times that the device was made ready with another hardware address than ours.
        mac_differs,
        /// Attempts to make the device ready that failed.
        setup_errors,
        /// Times that the device wanted to be reset, or was no longer ready.
        device_failures,
        /// Resets because the device violated the protocol, see [`ProtocolViolation`](crate::ProtocolViolation).
        device_violations,
    }
}
