//! What the interface counts.

layer::counters! {
    /// What a network device of Xen counted.
    pub struct Counters of "netfront" {
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
        /// Frames that the backend could not deliver (`NETIF_RSP_ERROR`, `NETIF_RSP_DROPPED`).
        rx_errors,
        /// Frames received and lost: the backend still used their page. The page waits until it does not.
        rx_in_use,
        /// Frames sent.
        frames_tx,
        /// Bytes sent, Ethernet headers included.
        bytes_tx,
        /// Frames that waited for room in the queue, whether they were sent then or not.
        tx_waited,
        /// Frames not sent: the backend has not taken those before, nor did it while they waited.
        tx_queue_full,
        /// Frames not sent: the interface was not connected.
        tx_interface_down,
        /// Frames not sent: longer than the MTU, or shorter than an Ethernet header.
        tx_bad_length,
        /// Requests that the backend could not send on (`NETIF_RSP_ERROR`, `NETIF_RSP_DROPPED`).
        tx_refused,
        /// Notifications sent to the backend.
        notifications,
        /// Connections made to a backend.
        connections,
        /// Pages that were left out of a connection: a backend still uses them for one before. They come
        /// back when it lets go of them.
        pages_left_out,
        /// Connections to a device whose hardware address is not the one that we keep.
        mac_differs,
        /// Connections that failed: xenstore, the grant table or Xen refused something.
        setup_errors,
        /// Connections closed because the backend wrote what cannot be, see [`ProtocolViolation`](crate::ProtocolViolation).
        backend_violations,
    }
}
