//! The counters of the layer.

layer::counters! {
    /// The counters of the ARP layer.
    pub struct Counters of "arp" {
        /// Requests received, including probes and announcements.
        requests_rx,
        /// Replies received.
        replies_rx,
        /// Requests sent, broadcast or to one station, excluding probes and announcements.
        requests_tx,
        /// Replies sent.
        replies_tx,
        /// Probes for our own address sent (RFC 5227, 2.1).
        probes_tx,
        /// Announcements sent, including defences.
        announcements_tx,
        /// Dropped: not ARP for IPv4 on Ethernet.
        malformed,
        /// Dropped: the sender has an address that no station can have, or our hardware address.
        bad_sender,
        /// Not believed: the sender's hardware address is not the source of the frame, and we had not asked.
        mismatched,
        /// Replies without a request: not believed.
        unsolicited,
        /// Conflicts: packets that used our address as another station's, or probed for it while we did (RFC 5227,
        /// 2.1.1 and 2.4).
        conflicts,
        /// Conflicts that we answered with an announcement.
        defences,
        /// How often we found our address in use, or gave it up.
        given_up,
        /// Packets not sent: our address was not ours at the time. A network that checks `address` first does not send
        /// them.
        no_address_tx,
        /// Neighbours added because they asked us.
        learnt,
        /// Neighbours whose hardware address changed.
        changed,
        /// Stations that we asked whether they have a neighbour's address, which they claim and another has.
        doubted,
        /// Neighbours that kept their station: it answered, as did its rival.
        upheld,
        /// Neighbours displaced by others.
        displaced,
        /// Neighbours that did not answer.
        silent,
        /// Packets sent after they waited for an answer.
        delayed,
        /// Packets dropped: the neighbour did not answer.
        unanswered,
        /// Packets dropped: too many were waiting, or the memory ran out.
        overflowed,
        /// Packets dropped, or neighbours not learnt: the cache had no place.
        cache_full,
        /// Packets dropped: they waited for a neighbour that was displaced, or our address changed.
        abandoned,
        /// Packets dropped: for our own address, or for one that no neighbour can have.
        not_a_neighbour,
    }
}
