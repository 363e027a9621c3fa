//! The first core's part in a device with a pair of queues for each core.

use core::{hint, time::Duration};

use rt_regions::{Exhausted, Region};
use virtio_drivers::transport::Transport;

use crate::{
    Access, DeviceError, Guest,
    buffer::Buffers,
    features::{EVENT_IDX, SEVERAL},
    link::{make_queue, tell},
    negotiation::{Agreed, RX, TX},
    pairs::{Agreement, Pairs},
    queue::{Descriptor, MAX_SIZE, Queue, flag},
};

/// How long the device may take to obey a command.
const OBEYED_WITHIN: Duration = Duration::from_millis(100);

/// How often in a row all queues are told to a device that does not come to use them, because it is another one after each reset.
const MOST_ATTEMPTS: u32 = 8;

/// A command to use so many pairs: `VIRTIO_NET_CTRL_MQ` and `VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET` (virtio 1.2, 5.1.6.5.6).
const MQ: u8 = 4;
const PAIRS_SET: u8 = 0;
/// What the device answers to a command that it has obeyed (`VIRTIO_NET_OK`, 5.1.6.5).
const OK: u8 = 0;
/// The fewest entries of the queue of commands: a command has two.
const LEAST_SIZE: u32 = 2;

/// The queues of other cores, and the queue of commands.
pub(crate) struct Spread {
    pairs: &'static Pairs,
    /// A page for a command, one for the answer, and those of the queue.
    buffers: Buffers,
    /// What other cores have said was heard so far.
    heard: u32,
    /// Whether the device was told of queues of other cores since its last reset.
    is_told: bool,
    is_in_use: bool,
    /// How often it was reset in vain to use them.
    attempts: u32,
    /// Whether it did not obey: then it is not asked again.
    refuses: bool,
}

/// The queue of commands, while the device is made ready.
pub(crate) struct Control {
    queue: Queue,
    number: u16,
}

impl Spread {
    /// # Errors
    /// The pool has not so many pages, or their table does not fit into `memory`.
    pub(crate) fn new(
        pairs: &'static Pairs,
        guest: &impl Guest,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        let buffers = Buffers::new(2, guest.pool(), memory)?;
        Ok(Self {
            pairs,
            buffers,
            heard: 0,
            is_told: false,
            is_in_use: false,
            attempts: 0,
            refuses: false,
        })
    }

    /// How many pairs the device is to have.
    pub(crate) fn wanted(&self) -> usize {
        if self.refuses { 1 } else { self.pairs.cores() }
    }

    /// Whether another core has said something.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.pairs.news() != self.heard
    }

    /// Whether the device uses the queues of all cores.
    #[inline]
    pub(crate) fn is_in_use(&self) -> bool {
        self.is_in_use
    }

    /// Hears what other cores say. Returns whether the device has violated the protocol in a queue of one.
    pub(crate) fn hear(&mut self) -> bool {
        self.heard = self.pairs.news();
        self.pairs.take_violation() && self.is_in_use
    }

    /// Whether all cores have lent their queues, and the device does not use them: then it is to be reset.
    pub(crate) fn must_begin(&mut self) -> bool {
        let must_begin = !self.is_in_use && !self.refuses && self.pairs.all().is_some();
        self.attempts += u32::from(must_begin);
        self.refuses |= self.attempts > MOST_ATTEMPTS;
        must_begin
    }

    /// Takes all pages back: the device was reset.
    pub(crate) fn take_back(&mut self, guest: &impl Guest) {
        self.buffers.take_back(guest);
        self.is_in_use = false;
        if core::mem::take(&mut self.is_told) {
            self.pairs.begin_epoch();
        }
    }

    /// Says that the device uses nothing any more: it was reset, and will not be made ready again.
    pub(crate) fn end(&self) {
        self.pairs.begin_epoch();
    }

    /// Says what was agreed with the device, and tells it of the queues of all cores, if they are there. Returns the queue of commands
    /// then.
    pub(crate) fn prepare(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
        agreed: &Agreed,
    ) -> Option<Control> {
        let &Agreed { features, mtu, sizes, pairs, .. } = agreed;
        let agreement = Agreement { features, mtu, sizes };
        if self.pairs.agreement() != agreement {
            self.pairs.agree(agreement);
            return None;
        }
        let has = |feature: u64| features & feature == feature;
        let all = self.pairs.all().filter(|_| has(SEVERAL) && !self.refuses)?;
        let number = 2 * pairs;
        let mut has_size = |number: u16, size: u16| transport.max_queue_size(number) >= size.into();
        for (pair, lent) in (1..).zip(all.clone()) {
            let [rx, tx] = [RX, TX].map(|queue| 2 * pair + queue);
            if !has_size(rx, lent.sizes[0]) || !has_size(tx, lent.sizes[1]) {
                self.refuses = true;
                return None;
            }
        }
        let size = transport.max_queue_size(number);
        if size < LEAST_SIZE || !size.is_power_of_two() {
            self.refuses = true;
            return None;
        }
        self.is_told = true;
        for (pair, lent) in (1..).zip(all) {
            for (queue, areas, size) in
                [(RX, lent.areas[0], lent.sizes[0]), (TX, lent.areas[1], lent.sizes[1])]
            {
                tell(transport, 2 * pair + queue, size, areas);
            }
        }
        let size = size.min(MAX_SIZE.into()) as u16;
        let queue = make_queue(transport, guest, number, &mut self.buffers, size, has(EVENT_IDX));
        Some(Control { queue, number })
    }

    /// Has the device use the queues of all cores, which it was told of, and waits until it has obeyed.
    ///
    /// # Errors
    /// It does not obey. It is not asked again.
    pub(crate) fn use_pairs(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
        control: Control,
    ) -> Result<(), DeviceError> {
        let result = self.command(transport, guest, control);
        match result {
            Ok(()) => {
                self.is_in_use = true;
                self.attempts = 0;
                self.pairs.use_all();
                // Those who sleep have not notified it of their buffers.
                for pair in 1..self.pairs.cores() as u16 {
                    transport.notify(2 * pair + RX);
                }
            }
            Err(_) => self.refuses = true,
        }
        result
    }

    fn command(
        &mut self,
        transport: &mut impl Transport,
        guest: &impl Guest,
        Control { mut queue, number }: Control,
    ) -> Result<(), DeviceError> {
        let [low, high] = (self.pairs.cores() as u16).to_le_bytes();
        let command = [MQ, PAIRS_SET, low, high];
        let [request, answer] = self.buffers.named() else { return Err(DeviceError::NoPairs) };
        let address = request.lend(guest, Access::Read);
        // SAFETY: the page is lent for reading only.
        unsafe { request.bytes(0, command.len()) }.copy_from_slice(&command);
        let length = command.len() as u32;
        queue.describe(0, Descriptor { address, length, flags: flag::NEXT, next: 1 });
        let address = answer.lend(guest, Access::Write);
        queue.describe(1, Descriptor { address, length: 1, flags: flag::WRITE, next: 0 });
        queue.never_interrupt();
        queue.push(0);
        queue.publish();
        transport.notify(number);
        let deadline = guest.now() + OBEYED_WITHIN;
        let used = loop {
            match queue.pop() {
                Ok(Some(used)) => break used,
                Ok(None) if guest.now() < deadline => hint::spin_loop(),
                _ => return Err(DeviceError::NoPairs),
            }
        };
        // The byte is 0 too if it was not written.
        if used.id != 0 || used.length == 0 {
            return Err(DeviceError::NoPairs);
        }
        answer.take_back(guest);
        // SAFETY: the page is not lent any more, and was written when it was.
        match unsafe { answer.bytes(0, 1) } {
            [OK] => Ok(()),
            _ => Err(DeviceError::NoPairs),
        }
    }
}
