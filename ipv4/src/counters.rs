//! The counters of the layer.

layer::counters! {
    /// The counters of the IPv4 layer.
    pub struct Counters of "ipv4" {
        /// Packets handed up, whole.
        packets_rx,
        /// Packets sent. Each fragment counts, except those that the interface makes.
        packets_tx,
        /// Dropped: no memory for the packet's metadata.
        no_room,
        /// Dropped: shorter than the header or the total length says, or an impossible IHL.
        bad_length,
        /// Dropped: not version 4.
        bad_version,
        /// Dropped: the checksum of the header was wrong.
        bad_checksum,
        /// Dropped: for another host, or for a group that was not joined.
        not_for_us,
        /// Dropped: from an address that no other host can have (RFC 1122 3.2.1.3).
        bad_source,
        /// Dropped: a broadcast frame with a packet for one host (RFC 1122 3.3.6).
        broadcast_frame,
        /// Dropped: a source route that does not end at this host (RFC 1122 3.3.5).
        source_routed,
        /// Dropped: an option with an impossible length or pointer.
        bad_options,
        /// Fragments received.
        fragments_rx,
        /// Datagrams reassembled.
        reassembled,
        /// Fragments dropped: duplicates.
        fragments_duplicate,
        /// Fragments dropped: they cannot be part of a datagram.
        fragments_malformed,
        /// Fragments dropped: their datagram was dropped before, because fragments overlapped.
        fragments_refused,
        /// Datagrams dropped: fragments overlapped.
        reassembly_overlaps,
        /// Datagrams dropped: fragments were missing when the time for reassembly ran out.
        reassembly_timeouts,
        /// Datagrams dropped: no memory for a fragment, or for the whole datagram.
        reassembly_exhausted,
        /// Datagrams dropped: they made room for others.
        reassembly_evicted,
        /// Datagrams sent in fragments that this layer made.
        fragmented,
        /// Path MTUs below 552 bytes in ICMP errors: 552 is used, and routers may fragment.
        small_mtus,
        /// Paths that were displaced by others before they expired. Until then, packets to hosts without an entry have
        /// no DF.
        paths_displaced,
        /// Packets handed up that no layer claimed: the protocol is unknown.
        unknown_protocol,
        /// Not sent: too long, without a route, or to an address that cannot be sent to.
        not_sent,
    }
}
