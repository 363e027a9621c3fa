//! Writes messages into a buffer.

use core::{error::Error, fmt};

use byteorder::{ByteOrder, NetworkEndian};

use super::{
    Data, Edns, Flags, HEADER_LEN, Names, Pointers, Rcode, RecordType, Section, Soa, Whole,
};
use crate::NameRef;

/// Where the flags are in the header.
const FLAGS: usize = 2;

/// Where the counts of the questions and of each section are in the header.
const COUNTS: usize = 4;

/// Writes a message into a buffer: the question first, and then the records of each section in their order. Names are not
/// compressed, which RFC 1035 4.1.4 permits, unless the writer has [`Pointers`].
///
/// ```
/// use dns::{Name, wire::{CLASS_IN, Flags, MessageWriter, RecordType}};
///
/// let name: Name = "example.org".parse()?;
/// let mut buffer = [0; 512];
/// let mut writer = MessageWriter::new(&mut buffer, 7, Flags(Flags::RECURSION_DESIRED))?;
/// writer.question(name.view(), RecordType::A, CLASS_IN)?;
/// writer.opt(1232)?;
/// assert_eq!(writer.finish().len(), 12 + 17 + 11);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MessageWriter<'b, N = Whole> {
    buffer: &'b mut [u8],
    length: usize,
    /// Where in the row of counts the last one is that is not 0.
    place: usize,
    /// How many bytes at the end of the buffer are kept free.
    kept: usize,
    names: N,
}

impl<'b> MessageWriter<'b> {
    /// A message without a question and records, whose names are not compressed.
    ///
    /// # Errors
    /// [`WriteError::NoRoom`]: the buffer is shorter than a header.
    pub fn new(buffer: &'b mut [u8], id: u16, flags: Flags) -> Result<Self, WriteError> {
        Self::with_names(buffer, id, flags, Whole)
    }
}

impl<'b> MessageWriter<'b, Pointers> {
    /// A message without a question and records, whose names are compressed.
    ///
    /// # Errors
    /// [`WriteError::NoRoom`]: the buffer is shorter than a header.
    pub fn compressing(
        buffer: &'b mut [u8],
        id: u16,
        flags: Flags,
        names: Pointers,
    ) -> Result<Self, WriteError> {
        Self::with_names(buffer, id, flags, names)
    }
}

impl<'b, N: Names> MessageWriter<'b, N> {
    fn with_names(
        buffer: &'b mut [u8],
        id: u16,
        flags: Flags,
        names: N,
    ) -> Result<Self, WriteError> {
        let mut writer = Self { buffer, length: 0, place: 0, kept: 0, names };
        writer.put_u16(id)?;
        writer.put_u16(flags.0)?;
        writer.put(&[0; HEADER_LEN - COUNTS])?;
        Ok(writer)
    }

    /// Adds a question.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn question(
        &mut self,
        name: NameRef<'_>,
        kind: RecordType,
        class: u16,
    ) -> Result<(), WriteError> {
        self.entry(0, |writer| {
            writer.put_name(name)?;
            writer.put_u16(kind.0)?;
            writer.put_u16(class)
        })
    }

    /// Adds a record; its section is not before that of the one before it.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the record is in the message.
    pub fn record(
        &mut self,
        section: Section,
        name: NameRef<'_>,
        (kind, class): (RecordType, u16),
        ttl: u32,
        data: Data<'_>,
    ) -> Result<(), WriteError> {
        self.entry(1 + section as usize, |writer| {
            writer.put_name(name)?;
            writer.put_u16(kind.0)?;
            writer.put_u16(class)?;
            writer.put_u32(ttl)?;
            let at = writer.length;
            writer.put_u16(0)?;
            writer.put_data(data)?;
            let length = writer.length - at - 2;
            let length = u16::try_from(length).map_err(|_| WriteError::NoRoom)?;
            NetworkEndian::write_u16(&mut writer.buffer[at..], length);
            Ok(())
        })
    }

    /// Adds the record of EDNS, version 0 without options: the sender takes datagrams of `payload` bytes (RFC 6891 6.1).
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn opt(&mut self, payload: u16) -> Result<(), WriteError> {
        let root = crate::Name::ROOT;
        let (section, kind) = (Section::Additional, (RecordType::OPT, payload));
        self.record(section, root.view(), kind, 0, Data::Other(&[]))
    }

    /// Writes several records, or none of them if one has no room.
    ///
    /// # Errors
    /// That of the first record which was not written.
    pub fn all_or_nothing<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        let (length, place) = (self.length, self.place);
        let mut counts = [0; HEADER_LEN - COUNTS];
        counts.copy_from_slice(&self.buffer[COUNTS..HEADER_LEN]);
        write(self).inspect_err(|_| {
            self.cut(length);
            self.place = place;
            self.buffer[COUNTS..HEADER_LEN].copy_from_slice(&counts);
        })
    }

    /// Keeps so many bytes at the end of the buffer free, instead of those that were kept before.
    pub fn keep_free(&mut self, bytes: usize) {
        self.kept = bytes;
    }

    /// Replaces the second row of the header.
    pub fn set_flags(&mut self, flags: Flags) {
        NetworkEndian::write_u16(&mut self.buffer[FLAGS..], flags.0);
    }

    /// Adds the record of EDNS, without options, with the upper bits of a status.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn edns(&mut self, edns: Edns, rcode: Rcode) -> Result<(), WriteError> {
        self.entry(1 + Section::Additional as usize, |writer| {
            writer.put(&edns.to_bytes((rcode.0 >> 4) as u8))
        })
    }

    /// The message.
    pub fn finish(self) -> &'b [u8] {
        &self.buffer[..self.length]
    }

    /// Adds what `put` puts, and counts it at this place of the header.
    fn entry(
        &mut self,
        place: usize,
        put: impl FnOnce(&mut Self) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        if place < self.place {
            return Err(WriteError::Order);
        }
        let count = COUNTS + 2 * place;
        let counted = NetworkEndian::read_u16(&self.buffer[count..]);
        let counted = counted.checked_add(1).ok_or(WriteError::NoRoom)?;
        let length = self.length;
        put(self).inspect_err(|_| self.cut(length))?;
        self.place = place;
        NetworkEndian::write_u16(&mut self.buffer[count..], counted);
        Ok(())
    }

    /// Takes back what was written from this place on.
    fn cut(&mut self, length: usize) {
        self.length = length;
        self.names.forget(length);
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let end = self.length + bytes.len();
        if end + self.kept > self.buffer.len() {
            return Err(WriteError::NoRoom);
        }
        let room = &mut self.buffer[self.length..end];
        room.copy_from_slice(bytes);
        self.length = end;
        Ok(())
    }

    fn put_u16(&mut self, value: u16) -> Result<(), WriteError> {
        self.put(&value.to_be_bytes())
    }

    fn put_u32(&mut self, value: u32) -> Result<(), WriteError> {
        self.put(&value.to_be_bytes())
    }

    fn put_name(&mut self, name: NameRef<'_>) -> Result<(), WriteError> {
        // A name does not point into itself.
        let (mut rest, start) = (name.labels(), self.length);
        loop {
            let place = self.names.find(&self.buffer[..start], &rest);
            let Some(label) = rest.next() else { return self.put(&[0]) };
            if let Some(place) = place {
                return self.put_u16(0xc000 | place);
            }
            self.names.note(self.length);
            self.put(&[label.len() as u8])?;
            self.put(label)?;
        }
    }

    fn put_data(&mut self, data: Data<'_>) -> Result<(), WriteError> {
        match data {
            Data::A(address) => self.put(&address.octets()),
            Data::Aaaa(address) => self.put(&address.octets()),
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => self.put_name(name),
            Data::Mx(preference, name) => {
                self.put_u16(preference)?;
                self.put_name(name)
            }
            Data::Soa(soa) => self.put_soa(&soa),
            Data::Txt(strings) => self.put(strings.as_bytes()),
            Data::Other(bytes) => self.put(bytes),
        }
    }

    fn put_soa(&mut self, soa: &Soa<'_>) -> Result<(), WriteError> {
        self.put_name(soa.server)?;
        self.put_name(soa.mailbox)?;
        let numbers = [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum];
        numbers.into_iter().try_for_each(|number| self.put_u32(number))
    }
}

/// Why something is not in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The buffer, or a field that counts, has no room.
    NoRoom,
    /// Something of a later section was written before.
    Order,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "no room in the message",
            Self::Order => "a section of the message after a later one",
        })
    }
}

impl Error for WriteError {}
