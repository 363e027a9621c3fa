//! A stream to one of several addresses of a host, whichever accepts first (RFC 8305).

use core::{
    future::{Future, poll_fn},
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use layer::Instant;

use super::{ConnectError, Stream};
use crate::Connections;

/// How long an attempt has before the next one begins beside it (RFC 8305 8: Connection Attempt Delay).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The addresses in the order of RFC 8305 4: by turns of one family and of the other, beginning with that of the first address, and
/// within a family in the order in which they are given.
struct Order<'a> {
    addresses: &'a [IpAddr],
    /// Where the next one of each family is looked for: of the first address's family, and of the other one.
    next: [usize; 2],
    /// Whose turn it is.
    turn: usize,
}

impl<'a> Order<'a> {
    fn of(addresses: &'a [IpAddr]) -> Self {
        Self { addresses, next: [0; 2], turn: 0 }
    }

    /// The next address of a family, of the first one or of the other.
    fn of_family(&mut self, family: usize) -> Option<IpAddr> {
        let is_first = |address: &IpAddr| {
            Some(address.is_ipv6()) == self.addresses.first().map(IpAddr::is_ipv6)
        };
        let rest = self.addresses.get(self.next[family]..)?;
        let at = rest.iter().position(|address| is_first(address) == (family == 0));
        match at {
            Some(at) => {
                let address = rest[at];
                self.next[family] += at + 1;
                Some(address)
            }
            None => {
                self.next[family] = self.addresses.len();
                None
            }
        }
    }
}

impl Iterator for Order<'_> {
    type Item = IpAddr;

    fn next(&mut self) -> Option<IpAddr> {
        let (ours, other) = (self.turn, 1 - self.turn);
        self.turn = other;
        self.of_family(ours).or_else(|| self.of_family(other))
    }
}

/// What is under way: at most as many attempts as there are places.
struct Race<'p, F> {
    places: [Pin<&'p mut Option<F>>; 4],
    /// When the next attempt begins, even if those before it go on.
    next: Instant,
    /// The first error.
    error: Option<ConnectError>,
}

impl<F: Future<Output = Result<Stream, ConnectError>>> Race<'_, F> {
    /// Asks each attempt how it is. The first stream ends the race; an attempt that has failed makes room for the next one at
    /// once.
    fn look(&mut self, now: Instant, context: &mut Context<'_>) -> Option<Stream> {
        for place in &mut self.places {
            let Some(attempt) = place.as_mut().as_pin_mut() else { continue };
            match attempt.poll(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(stream)) => return Some(stream),
                Poll::Ready(Err(error)) => {
                    place.set(None);
                    self.error.get_or_insert(error);
                    self.next = now;
                }
            }
        }
        None
    }

    /// Whether no attempt is under way.
    fn is_over(&self) -> bool {
        self.places.iter().all(|place| place.is_none())
    }
}

impl Connections {
    /// Opens a connection to a host that has several addresses, of one family or of both, and returns the one that is there first
    /// (RFC 8305 5, "Happy Eyeballs"). The addresses are tried in their order, by turns of the two families. Each attempt has 250 ms
    /// before the next one begins beside it, or as long as it takes to fail; there are 4 at once at most. The others are given up
    /// when one is there.
    ///
    /// # Errors
    /// All have failed: the first [`ConnectError`]. There is no address: [`ConnectError::NoAddress`].
    pub async fn connect_any(
        &'static self,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<Stream, ConnectError> {
        let mut order = Order::of(addresses).peekable();
        let attempt = move |address| self.connect(SocketAddr::new(address, port));
        let (one, two) = (pin!(order.next().map(attempt)), pin!(None));
        let (three, four) = (pin!(None), pin!(None));
        let first = self.tasks().now() + ATTEMPT_DELAY;
        let mut race = Race { places: [one, two, three, four], next: first, error: None };
        let mut sleep = pin!(self.tasks().sleep_until(first));
        poll_fn(|context| {
            loop {
                let now = self.tasks().now();
                if let Some(stream) = race.look(now, context) {
                    return Poll::Ready(Ok(stream));
                }
                if order.peek().is_none() {
                    break;
                }
                let place = race.places.iter_mut().find(|place| place.is_none());
                match place {
                    Some(place) if race.next <= now => {
                        place.set(order.next().map(attempt));
                        race.next = now + ATTEMPT_DELAY;
                        sleep.set(self.tasks().sleep_until(race.next));
                    }
                    _ => {
                        let _ = sleep.as_mut().poll(context);
                        return Poll::Pending;
                    }
                }
            }
            if race.is_over() {
                Poll::Ready(Err(race.error.unwrap_or(ConnectError::NoAddress)))
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn order(addresses: &[&str]) -> Vec<std::string::String> {
        use std::string::ToString;
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        Order::of(&addresses).map(|address| address.to_string()).collect()
    }

    #[test]
    fn the_families_take_turns() {
        assert_eq!(order(&[]), [""; 0]);
        assert_eq!(order(&["10.0.0.1", "10.0.0.2"]), ["10.0.0.1", "10.0.0.2"]);
        let mixed = ["fd00::1", "fd00::2", "fd00::3", "10.0.0.1", "10.0.0.2"];
        assert_eq!(order(&mixed), ["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2", "fd00::3"]);
        let other = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1"];
        assert_eq!(order(&other), ["10.0.0.1", "fd00::1", "10.0.0.2", "10.0.0.3"]);
    }
}
