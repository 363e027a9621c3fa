//! What the layer counts.

layer::counters! {
    /// What the ARP layer counted.
    pub struct Counters of "arp" {
        /// Requests received, probes and announcements among them.
        requests_rx,
        /// Replies received.
        replies_rx,
        /// Requests sent, in broadcasts or to one station, probes and announcements not among them.
        requests_tx,
        /// Replies sent.
        replies_tx,
        /// Probes for our own address sent (RFC 5227, 2.1).
        probes_tx,
        /// Announcements sent, defences among them.
        announcements_tx,
        /// Dropped: not ARP for IPv4 on Ethernet.
        malformed,
        /// Dropped: the sender has an address that no station can have, or our hardware address.
        bad_sender,
        /// Not believed: the sender's hardware address is not the one that the frame came from, and we had not
        /// asked.
        mismatched,
        /// Replies that nobody had asked for: not believed.
        unsolicited,
        /// Packets that used our address as somebody else's, or asked for it while we did (RFC 5227,
        /// 2.1.1 and 2.4).
        conflicts,
        /// Conflicts that were answered by an announcement.
        defences,
        /// Times that we found our address in use, or gave it up.
        given_up,
        /// Packets for a neighbour not sent: our address was not ours at the time. A network that asks for it does not send
        /// them in the first place.
        no_address_tx,
        /// Neighbours added because they asked us.
        learnt,
        /// Neighbours that got another hardware address.
        changed,
        /// Stations that were asked whether they have the address of a neighbour, because they said so and
        /// another has it.
        doubted,
        /// Neighbours that stayed with their station, which answered, as did another one.
        upheld,
        /// Neighbours that had to make room for others.
        displaced,
        /// Neighbours that did not answer.
        silent,
        /// Packets that waited for an answer and were then sent.
        delayed,
        /// Packets dropped: the neighbour did not answer.
        unanswered,
        /// Packets dropped: too much was waiting, or the memory ran out.
        overflowed,
        /// Packets dropped, or neighbours not learnt: the cache had no place.
        cache_full,
        /// Packets dropped: they waited for a neighbour that was displaced, or our address changed.
        abandoned,
        /// Packets dropped: to our own address, or to one that no neighbour can have.
        not_a_neighbour,
    }
}
